"""How a text becomes a model's input: what a model folder's manifest tells whoever uses the model."""

from typing import Annotated, Literal

from pydantic import Field

from tweet_sentiment.parameters.shared import MAX_POSITIONS, Strict


class InputSettings(Strict):
    """The cleaning, the hard prompt before the text ("" for none), the most word pieces, and a second segment, if any.

    ``second_segment`` ``entity``: the input is "[CLS] <entity> [SEP] <text> [SEP]"; null: the text alone.
    """

    cleaning: Literal["published", "corrected", "none"]
    remove_stop_words: bool
    lemmatize: bool
    hard_prompt: str = ""
    max_length: Annotated[int, Field(ge=8, le=MAX_POSITIONS)]
    second_segment: Literal["entity"] | None = None
