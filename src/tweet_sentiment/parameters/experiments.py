"""Parameters of the experiments that vary one setting of a technique."""

from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from tweet_sentiment.parameters.shared import NonNegativeInt, PositiveInt, Strict, WithoutNulls, distinct
from tweet_sentiment.parameters.training import Hyperparameters, TrainerParameters

Names = Annotated[list[str], Field(min_length=1), AfterValidator(distinct)]


class UnfreezingSweepParameters(Strict):
    """Layer unfreezing with each number of ``top_blocks``; ``row_limit``: train on so many posts, null for all."""

    top_blocks: Annotated[list[NonNegativeInt], Field(min_length=1), AfterValidator(distinct)]
    row_limit: PositiveInt | None
    load_best_model_at_end: bool
    hyperparameters: Hyperparameters


class TrainingAblationParameters(Strict):
    """A technique trained once for each of ``variants``: a name, and which of the technique's parameters change.

    The dev split is held out in every one. ``row_limit`` takes the place of the technique's; a tweet comes with all
    its paraphrases.
    """

    technique: str
    row_limit: PositiveInt | None
    variants: Annotated[dict[str, dict[str, Any]], Field(min_length=1), WithoutNulls]

    def varied(self, technique: TrainerParameters, variant: str) -> TrainerParameters:
        """Return the technique's parameters under a variant; hyperparameters may be changed one by one."""
        changes = self.variants[variant]
        plain = technique.model_dump() | {"row_limit": self.row_limit, "hold_out_dev_split": True}
        hyperparameters = plain["hyperparameters"] | changes.get("hyperparameters", {})
        return type(technique).model_validate(plain | changes | {"hyperparameters": hyperparameters})


class LearningCurveParameters(Strict):
    """Techniques trained on the first ``sizes`` posts of an order by tweet; a power law through them needs three."""

    techniques: Names
    sizes: Annotated[list[PositiveInt], Field(min_length=3)]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if any(larger <= smaller for smaller, larger in pairwise(self.sizes)):
            raise ValueError("sizes must ascend")
        return self


class PreprocessingAblationParameters(Strict):
    """Every way of cleaning through the same head; ``row_limit``: train on so many posts, null for all."""

    row_limit: PositiveInt | None
    hyperparameters: Hyperparameters
