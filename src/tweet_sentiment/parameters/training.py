"""Parameters of the encoder and of training, shared by all techniques."""

import logging
import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from tweet_sentiment.errors import StudyError
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
    WithoutNulls,
)

logger = logging.getLogger(__name__)


class ModelParameters(Strict):
    """The encoder: ``embedded``, a hub id or a folder; and how texts reach it.

    ``encoder_dropout`` true trains through the encoder in training mode, as the paper does; false trains heads on
    features computed once. ``max_length`` is in word pieces, special tokens included.
    """

    checkpoint: LocalPath
    max_length: Annotated[int, Field(ge=8, le=MAX_POSITIONS)]
    padding: Literal["longest", "max_length"]
    encoder_dropout: bool


WarmUp = NonNegativeInt | Annotated[float, Field(ge=0, lt=1)]


class Hyperparameters(Strict):
    """What the search looks for, by the names of ``transformers.TrainingArguments``.

    ``warmup_steps``: a number of steps, or below 1 a share of them, as there.
    """

    num_train_epochs: PositiveInt
    per_device_train_batch_size: PositiveInt
    learning_rate: LearningRate
    warmup_steps: WarmUp
    weight_decay: WeightDecay

    def steps(self, posts: int) -> int:
        """Return how many steps it takes to learn from so many posts."""
        return math.ceil(posts / self.per_device_train_batch_size) * self.num_train_epochs

    def warm_up(self, steps: int) -> int:
        """Return how many of so many steps are the warm-up."""
        return int(self.warmup_steps if isinstance(self.warmup_steps, int) else self.warmup_steps * steps)


Direction = Literal["maximize", "minimize"]
LESS_IS_BETTER = frozenset({"eval_loss"})  # of the metrics that are measured; of the others more is better


def direction_of(metric: str) -> Direction:
    """Return which way a metric gets better."""
    return "minimize" if metric in LESS_IS_BETTER else "maximize"


class TrainingParameters(Strict):
    """What every technique shares. ``class_weights``: null, ``balanced``, or one positive weight for each label.

    ``processes`` on each of ``nodes`` machines train through the encoder together, on a share of every batch each: a
    batch is as large as with one. Other trainings, of the head on features and of the classical baselines, are short,
    and domain adaptation is not split: they take one process. On several machines the same command is started on each,
    with outputs of its own; the machines meet at ``rendezvous``, ``host:port`` of one of them.
    """

    per_device_eval_batch_size: PositiveInt
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"]
    max_grad_norm: Annotated[float, Field(gt=0)]
    logging_steps: PositiveInt
    save_total_limit: PositiveInt
    metric_for_best_model: Literal["accuracy", "f1", "macro_f1", "precision", "recall", "eval_loss"]
    class_weights: Annotated[Literal["balanced"] | dict[Label, Annotated[float, Field(gt=0)]] | None, WithoutNulls]
    processes: PositiveInt
    nodes: PositiveInt
    rendezvous: Annotated[str, Field(pattern=r"^[^\s/]+:\d+$")] | None

    NOT_DECISIVE: ClassVar[frozenset[str]] = frozenset({"save_total_limit", "rendezvous"})

    @model_validator(mode="after")
    def _meet_somewhere(self) -> Self:
        if self.nodes > 1 and self.rendezvous is None:
            raise ValueError("nodes above 1 need a rendezvous: host:port of one of the machines")
        return self

    @property
    def all_processes(self) -> int:
        """How many processes train together."""
        return self.processes * self.nodes

    @property
    def direction(self) -> Direction:
        """Which way ``metric_for_best_model`` gets better: every choice of the study goes that way."""
        return direction_of(self.metric_for_best_model)

    def never_warm(self, hyperparameters: Hyperparameters, steps: int) -> bool:
        """Tell whether the warm-up is as long as the training: the learning rate is then never reached."""
        return self.lr_scheduler_type != "constant" and hyperparameters.warm_up(steps) >= max(1, steps)

    def warn_if_never_warm(self, hyperparameters: Hyperparameters, steps: int) -> None:
        """Warn where the warm-up is as long as the training, so that the learning rate is never reached."""
        if self.never_warm(hyperparameters, steps):
            logger.warning(
                "The warm-up of %d steps is as long as the training of %d: the learning rate of %g is never reached.",
                hyperparameters.warm_up(steps),
                steps,
                hyperparameters.learning_rate,
            )

    def check_warm_up(self, key: str, hyperparameters: Hyperparameters, posts: int) -> None:
        """Refuse hyperparameters whose warm-up is as long as a training on so many posts; ``key``: where they stand.

        Raises:
            StudyError: the learning rate would never be reached.
        """
        given, steps = hyperparameters, hyperparameters.steps(posts)
        if self.never_warm(given, steps):
            raise StudyError(
                f"{key}: warmup_steps is {given.warmup_steps}, and the whole training has {steps} steps ({posts:,} "
                f"posts in batches of {given.per_device_train_batch_size}, {given.num_train_epochs} epochs). "
                f"The learning rate of {given.learning_rate:g} would never be reached.\n"
                "  Give fewer, or a share of the steps (warmup_steps=0.1); or more posts, or more epochs."
            )

    def goodness(self, scores: Mapping[str, Any], prefix: str = "") -> float:
        """Return ``metric_for_best_model`` of these scores, with its sign changed where less is better."""
        value = float(scores[f"{prefix}{self.metric_for_best_model}"])
        return value if self.direction == "maximize" else -value


def _possible(peft_type: Any) -> Any:
    if peft_type == "PREFIX_TUNING":
        raise ValueError(
            "prefix tuning puts keys and values before those of every layer (past_key_values), and encoders take "
            "none; take PROMPT_TUNING (pipeline prompt_tuning), P_TUNING (p_tuning), or LORA or IA3 (lora)"
        )
    return peft_type


PeftType = BeforeValidator(_possible)
Pooling = Literal["default", "cls", "mean"]  # default: as the classifier of the encoder's family does it


class TrainerParameters(Strict):
    """What the techniques that train through the encoder share.

    ``checkpoint``: the encoder to start from; null for ``model.checkpoint``. ``second_segment`` ``entity`` reads "[CLS]
    entity [SEP] post [SEP]", or as the tokenizer joins a pair. ``label_smoothing_factor``: how much of a label is
    spread over all. ``early_stopping_patience``: stop after so many epochs without a better one. ``row_limit``: train
    on so many posts; null for all. ``load_best_model_at_end`` chooses the epoch on the dev split, which is then not
    trained on; ``hold_out_dev_split`` keeps it out even where no epoch is chosen, so that techniques can be compared on
    it. ``repeat_seeds``: train again with each further one of ``seeds``.
    """

    checkpoint: Annotated[str, Field(min_length=1)] | None
    second_segment: Literal["entity"] | None
    label_smoothing_factor: Annotated[float, Field(ge=0, lt=1)]
    early_stopping_patience: PositiveInt | None
    row_limit: PositiveInt | None
    load_best_model_at_end: bool
    hold_out_dev_split: bool
    repeat_seeds: bool
    hyperparameters: Hyperparameters

    NOT_DECISIVE: ClassVar[frozenset[str]] = frozenset({"repeat_seeds"})

    @model_validator(mode="after")
    def _possible_together(self) -> Self:
        if self.early_stopping_patience and not self.load_best_model_at_end:
            raise ValueError("early_stopping_patience needs load_best_model_at_end: it stops behind the best epoch")
        return self


class DevSplitParameters(Strict):
    """The dev split, on which hyperparameters, prompts and epochs are chosen: ``share`` of the tweets, one post each.

    Where that is fewer than ``least_posts`` it is so many, up to a third of the tweets: on a handful of posts a choice
    is luck. Under the ``published`` protocol they are chosen on the test posts themselves, as in the paper.
    """

    share: Share
    least_posts: PositiveInt

    def share_of(self, tweets: int) -> float:
        """Return the share of so many tweets that is drawn."""
        return max(self.share, min(self.least_posts / tweets, 1 / 3))
