"""What requests and answers look like, which the OpenAPI document is made of, and how much a request may ask for."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from tweet_sentiment.errors import StudyError

EXAMPLES: list[JsonValue] = [
    {"texts": ["I love it, best game in years!", "It keeps crashing."]},
    {"texts": "I love it"},
]


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, posts and characters; times in seconds.

    ``requests`` may be under way at once; ``waiting`` posts may wait for the model, which gets ``batch`` in one call.
    """

    body: int = 1_000_000
    csv_body: int = 20_000_000
    posts: int = 1_000
    explained_posts: int = 20
    csv_rows: int = 50_000
    characters: int = 10_000
    seconds: float = 30
    csv_seconds: float = 600
    requests: int = 500
    waiting: int = 20_000
    batch: int = 256

    def __post_init__(self) -> None:
        """Refuse a limit that nothing could pass.

        Raises:
            StudyError: a limit is not above 0; it is named.
        """
        for name, value in vars(self).items():
            if not value > 0:
                raise StudyError(f"The limit {name} is {value}: give a number above 0.")


class Posts(BaseModel):
    """One post or many, as they are: the model's own cleaning is applied."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": EXAMPLES})

    texts: str | list[str] = Field(description="A text, or a list of texts.")
    entities: str | list[str] | None = Field(
        None, description="What each text is about, for a model that reads it: one for all, or one a text."
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
    """A word as the model reads it; above 0 it spoke for the label, below 0 against it."""

    word: str
    share: float = Field(ge=-1, le=1)


class Explanation(Prediction):
    """A prediction, and each word's share in it; the shares' absolute values sum to 1."""

    words: list[Word]


class Health(BaseModel):
    """Whether requests are answered, and how many posts wait."""

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
    changed_on_disk: bool = Field(description="The folder holds another model by now; a restart serves that one.")
    limits: dict[str, float]


class Problem(BaseModel):
    """What every error answers: the status, its name, and what to put right."""

    title: str
    status: int
    detail: str
