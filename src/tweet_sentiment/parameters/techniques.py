"""Parameters of each technique: one model per pipeline."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tweet_sentiment.parameters.shared import NonNegativeInt, PositiveInt, Strict
from tweet_sentiment.parameters.training import Hyperparameters

HeadLayer = Literal["pre_classifier", "classifier"]


class BaselineParameters(Strict):
    """The baseline learns nothing, so there is nothing to choose."""


class LayerUnfreezingParameters(Strict):
    """Which parameters learn: those whose name is, or starts with, one of ``unfreeze``; and the top ``top_blocks``."""

    unfreeze: list[str]
    top_blocks: NonNegativeInt
    load_best_model_at_end: bool
    hyperparameters: Hyperparameters

    @model_validator(mode="after")
    def _something_learns(self) -> Self:
        if not self.unfreeze and not self.top_blocks:
            raise ValueError("nothing would learn: name parameters in unfreeze, or set top_blocks to 1 or more")
        return self


class Range(Strict):
    """An interval to draw from, both ends included."""

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) is above high ({self.high})")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range needs low > 0, found {self.low}")
        return self


class IntRange(Range):
    low: int
    high: int


class SearchSpace(Strict):
    """The paper's five hyperparameters; the batch size is one of a list."""

    num_train_epochs: IntRange
    per_device_train_batch_size: Annotated[list[PositiveInt], Field(min_length=1)]
    learning_rate: Range
    warmup_steps: IntRange
    weight_decay: Range

    @model_validator(mode="after")
    def _legal_ends(self) -> Self:
        for end in ("low", "high"):
            Hyperparameters(
                num_train_epochs=getattr(self.num_train_epochs, end),
                per_device_train_batch_size=self.per_device_train_batch_size[0],
                learning_rate=getattr(self.learning_rate, end),
                warmup_steps=getattr(self.warmup_steps, end),
                weight_decay=getattr(self.weight_decay, end),
            )
        return self


class Pruner(Strict):
    """``optuna.pruners.MedianPruner``; a step is an epoch."""

    n_startup_trials: NonNegativeInt
    n_warmup_steps: NonNegativeInt
    interval_steps: PositiveInt


class HyperparameterSearchParameters(Strict):
    """The search: how many trials, over what, pruned how; trials learn what layer unfreezing learns.

    ``trials_at_once``: so many are drawn before any of them is known. ``processes``: so many run side by side; the
    result does not depend on it. ``auto`` takes a processor each where heads learn on features and there is much to do.
    """

    n_trials: PositiveInt
    trials_at_once: PositiveInt
    processes: PositiveInt | Literal["auto"]
    direction: Literal["maximize", "minimize"]
    space: SearchSpace
    pruner: Pruner

    @property
    def pruner_can_fire(self) -> bool:
        """Whether some trial is long enough for the median pruner to stop it."""
        return (
            self.n_trials > self.pruner.n_startup_trials
            and self.space.num_train_epochs.high > self.pruner.n_warmup_steps + 1
        )


class PromptTuningParameters(Strict):
    """The soft prompt (peft), the hard prompts, what learns beside the soft prompt, and which position is pooled.

    ``pooling`` ``first`` reads position 0 as DistilBERT does, which is then the first virtual token; ``cls`` reads
    [CLS] behind the virtual tokens. ``row_limit``: train on so many posts; null for all. ``repeat_seeds``: train the
    chosen prompt again with each further one of ``seeds``; each costs as much as one prompt.
    """

    hard_prompts: Annotated[list[str], Field(min_length=1)]
    peft_type: Literal["PROMPT_TUNING"]
    num_virtual_tokens: PositiveInt
    prompt_tuning_init: Literal["TEXT", "RANDOM"]
    prompt_tuning_init_text: str
    trainable_head: list[HeadLayer]
    pooling: Literal["first", "cls"]
    row_limit: PositiveInt | None
    repeat_seeds: bool
    load_best_model_at_end: bool
    hyperparameters: Hyperparameters

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.hard_prompts)) < len(self.hard_prompts):
            raise ValueError("hard_prompts holds a prompt twice")
        if self.prompt_tuning_init == "TEXT" and not self.prompt_tuning_init_text.strip():
            raise ValueError("prompt_tuning_init TEXT needs a prompt_tuning_init_text")
        return self


class RivalsParameters(Strict):
    """Classical rivals on TF-IDF: ``text`` raw (lower-cased) or cleaned; ``C`` of the two linear models."""

    text: Literal["raw", "cleaned"]
    C: Annotated[float, Field(gt=0)]


class PreprocessingAblationParameters(Strict):
    """Every way of cleaning through the same head; ``row_limit``: train on so many posts, null for all."""

    row_limit: PositiveInt | None
    hyperparameters: Hyperparameters
