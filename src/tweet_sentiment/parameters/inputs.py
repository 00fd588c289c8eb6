"""How a text becomes a model's input: what a model folder's manifest tells whoever uses the model."""

from typing import Annotated, Literal

from pydantic import Field

from tweet_sentiment.parameters.shared import MAX_POSITIONS, Strict


class InputSettings(Strict):
    """The cleaning, the most word pieces, virtual tokens not counted, and a second segment, if any.

    ``hard_prompt`` is put before the text; today it stands in the tokenizer, exports of earlier versions say it here.

    ``max_length`` null: as many as the encoder has positions; a classical model reads texts whole.
    ``second_segment`` ``entity``: the input is "[CLS] <entity> [SEP] <text> [SEP]"; null: the text alone.
    """

    cleaning: Literal["published", "corrected", "none"]
    remove_stop_words: bool
    lemmatize: bool
    hard_prompt: str = ""
    max_length: Annotated[int, Field(ge=8, le=MAX_POSITIONS)] | None
    second_segment: Literal["entity"] | None = None

    @property
    def most_pieces(self) -> int:
        """Return the most word pieces that an encoder reads of a text."""
        return self.max_length or MAX_POSITIONS
