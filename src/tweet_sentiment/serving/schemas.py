"""What requests and answers look like, which the OpenAPI document is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

EXAMPLES: list[JsonValue] = [
    {"texts": ["I love it, best game in years!", "It keeps crashing."]},
    {"texts": "I love it"},
]


Texts = str | Annotated[list[str], Field(fail_fast=True)]  # a million faults of one list are one


class Posts(BaseModel):
    """One post or many, as posted: the model cleans them itself."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": EXAMPLES})

    texts: Texts = Field(description="A text, or a list of texts.")
    entities: Texts | None = Field(
        None, description="What each text is about, for a model that reads entities: one for all, or one per text."
    )

    def listed(self) -> tuple[list[str], list[str] | None]:
        """Return texts and entities as lists; a single entity is that of all texts."""
        texts = [self.texts] if isinstance(self.texts, str) else self.texts
        return texts, [self.entities] * len(texts) if isinstance(self.entities, str) else self.entities


class Prediction(BaseModel):
    """A post, its most probable label, and the probability of each."""

    text: str
    label: str
    probabilities: dict[str, float]


class Word(BaseModel):
    """A word as the model reads it; a share above 0 is for the label, a share below 0 against it."""

    word: str
    share: float = Field(ge=-1, le=1)


class Explanation(Prediction):
    """A prediction, and each word's share in it; the shares' absolute values sum to 1."""

    words: list[Word]


class Health(BaseModel):
    """Whether the service answers requests, and how many posts wait."""

    status: str
    waiting_posts: int


class Model(BaseModel):
    """What is served: its folder, labels, manifest (data, protocol, figures, versions), and its card in Markdown."""

    folder: str | None
    labels: list[str]
    explains: bool
    reads_entities: bool
    manifest: dict[str, object]
    card: str
    changed_on_disk: bool = Field(description="The folder now holds another model; a restart serves it.")
    limits: dict[str, float]


class Problem(BaseModel):
    """The body of every error: the status, its name, and what to correct."""

    title: str
    status: int
    detail: str
