"""Parameters of the data: the files, and how their posts are read, filtered, cleaned and split."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tweet_sentiment.parameters.shared import (
    MAX_POSITIONS,
    Delimiter,
    Encoding,
    Label,
    LocalPath,
    PositiveInt,
    Quoting,
    Share,
    Strict,
)

RAW = "raw"  # texts as posted
Cleaning = Literal["published", "corrected", "minimal", "minimal_emoji_named", "none"]


class Columns(Strict):
    """Where the file keeps what: positions from 0, or names if it has a header; ``id`` and ``entity`` may be null."""

    id: int | str | None
    entity: int | str | None
    label: int | str
    post: int | str


class LeakFreeRules(Strict):
    """Which training rows the leak-free protocol removes; a near-duplicate has a similarity of at least the threshold.

    Similarity is rapidfuzz's ``fuzz.ratio`` (0-100) of the normalised texts.
    """

    tweet_id: bool
    normalised_text: bool
    near_duplicate: bool
    near_duplicate_threshold: Annotated[float, Field(ge=50, le=100)]


class AuditParameters(Strict):
    """The leakage audit: the share of known test posts from which on it warns, and how many examples it shows."""

    overlap_limit: Annotated[float, Field(ge=0, le=1)]
    examples: PositiveInt


class DataParameters(Strict):
    """The files, how to read them, and how to filter, clean and split their posts.

    CSV, TSV, JSON Lines or Parquet. ``auto``: found out from each file. ``quoting``: ``csv``, quotes enclose fields;
    ``none``, they are ordinary characters. ``encoding``: a name that Python knows. ``cleaning``: ``none`` gives the
    model the texts as they are; ``minimal`` replaces links and user names and decodes HTML entities, and
    ``minimal_emoji_named`` puts the names of emoji in their place; ``corrected`` does what the paper describes,
    ``published`` what its code does, letter for letter, and keeps ASCII letters alone. A run is stopped where cleaning
    leaves nothing of more than a fifth of the posts. ``label_issues``: ``drop`` leaves out the training posts
    whose label the pipeline label_issues doubts; dev split and test posts stay whole.
    """

    training_file: LocalPath
    validation_file: LocalPath | None
    header: bool | Literal["auto"]
    delimiter: Delimiter
    quoting: Quoting
    encoding: Encoding
    columns: Columns
    drop_labels: list[Label]
    row_limit: PositiveInt | None
    validation_share: Share
    leak_free: LeakFreeRules
    audit: AuditParameters
    label_issues: Literal["keep", "drop"]
    cleaning: Cleaning
    remove_stop_words: bool
    lemmatize: bool

    @model_validator(mode="after")
    def _columns_are_there(self) -> Self:
        if not self.header and any(isinstance(column, str) for column in self.columns.model_dump().values()):
            raise ValueError("data.columns holds names, but data.header is false: give positions (0, 1, …)")
        return self

    @property
    def texts(self) -> str:
        """Name the texts that the models read, for a table: "raw", or "cleaned: corrected, no stop words"."""
        steps = {"no stop words": self.remove_stop_words, "lemmas": self.lemmatize}
        done = [name for name, is_on in steps.items() if is_on]
        if self.cleaning == "none" and not done:
            return RAW
        return f"cleaned: {', '.join([self.cleaning, *done])}"


class InputSettings(Strict):
    """The cleaning, the most word pieces, virtual tokens not counted, and a second segment, if any.

    ``hard_prompt`` is put before the text; today it stands in the tokenizer, exports of earlier versions say it here.

    ``max_length`` null: as many as the encoder has positions; a classical model reads texts whole.
    ``second_segment`` ``entity``: the input is "[CLS] <entity> [SEP] <text> [SEP]"; null: the text alone.
    """

    cleaning: Cleaning
    remove_stop_words: bool
    lemmatize: bool
    hard_prompt: str = ""
    max_length: Annotated[int, Field(ge=8, le=MAX_POSITIONS)] | None
    second_segment: Literal["entity"] | None = None

    @property
    def most_pieces(self) -> int:
        """Return the most word pieces that an encoder reads of a text."""
        return self.max_length or MAX_POSITIONS
