"""Parameters of the encoder and of training, shared by all techniques."""

from typing import Annotated, Literal

from pydantic import Field

from tweet_sentiment.parameters.maps import WithoutNulls
from tweet_sentiment.parameters.shared import (
    MAX_POSITIONS,
    Label,
    LearningRate,
    LocalPath,
    NonNegativeInt,
    PositiveInt,
    Share,
    Strict,
    WeightDecay,
)


class ModelParameters(Strict):
    """The encoder: ``embedded``, a hub id or a folder; and how texts reach it.

    ``encoder_dropout`` true trains through the encoder in training mode, as the paper does; false trains heads on
    features computed once. ``max_length`` is in word pieces, special tokens included.
    """

    checkpoint: LocalPath
    max_length: Annotated[int, Field(ge=8, le=MAX_POSITIONS)]
    padding: Literal["longest", "max_length"]
    encoder_dropout: bool


class Hyperparameters(Strict):
    """What the search looks for, by the names of ``transformers.TrainingArguments``."""

    num_train_epochs: PositiveInt
    per_device_train_batch_size: PositiveInt
    learning_rate: LearningRate
    warmup_steps: NonNegativeInt
    weight_decay: WeightDecay


class TrainingParameters(Strict):
    """What every technique shares. ``class_weights``: null, ``balanced``, or one positive weight for each label."""

    per_device_eval_batch_size: PositiveInt
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"]
    max_grad_norm: Annotated[float, Field(gt=0)]
    logging_steps: PositiveInt
    save_total_limit: PositiveInt
    metric_for_best_model: Literal["accuracy", "f1", "macro_f1", "precision", "recall", "eval_loss"]
    class_weights: Annotated[Literal["balanced"] | dict[Label, Annotated[float, Field(gt=0)]] | None, WithoutNulls]


class SelectionParameters(Strict):
    """The dev split, on which hyperparameters, prompts and epochs are chosen: ``share`` of the tweets, one post each.

    Where that is fewer than ``least_posts`` it is so many, up to a third of the tweets: on a handful of posts a choice
    is luck. Under the ``published`` protocol they are chosen on the validation posts themselves, as in the paper.
    """

    share: Share
    least_posts: PositiveInt

    def share_of(self, tweets: int) -> float:
        """Return the share of so many tweets that is drawn."""
        return max(self.share, min(self.least_posts / tweets, 1 / 3))
