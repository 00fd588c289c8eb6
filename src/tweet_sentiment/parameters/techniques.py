"""Parameters of each technique: one model per pipeline."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tweet_sentiment.parameters.shared import NonNegativeInt, PositiveInt, Strict
from tweet_sentiment.parameters.training import Hyperparameters
from tweet_sentiment.parameters.tuning import HeadLayer, PossibleOnDistilBert, TuningParameters


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
    """The paper's five hyperparameters; the batch size is one of a list, the warm-up in steps or a share of them."""

    num_train_epochs: IntRange
    per_device_train_batch_size: Annotated[list[PositiveInt], Field(min_length=1)]
    learning_rate: Range
    warmup_steps: IntRange | Range
    weight_decay: Range

    @property
    def shortest(self) -> Hyperparameters:
        """The trial with the fewest steps, and the longest warm-up."""
        return Hyperparameters(
            num_train_epochs=self.num_train_epochs.low,
            per_device_train_batch_size=max(self.per_device_train_batch_size),
            learning_rate=self.learning_rate.high,
            warmup_steps=self.warmup_steps.high,
            weight_decay=self.weight_decay.low,
        )

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

    @property
    def waits_for(self) -> str:
        """What must have happened before it can stop a trial."""
        return f"{self.n_startup_trials} trials and {self.n_warmup_steps} epochs"

    def can_fire(self, n_trials: int, epochs: int) -> bool:
        """Whether it can stop some trial of a search with at most so many epochs."""
        return n_trials > self.n_startup_trials and epochs > self.n_warmup_steps + 1


class Hyperband(Strict):
    """``optuna.pruners.HyperbandPruner``; a resource is an epoch, the most of it the space's most epochs."""

    min_resource: PositiveInt
    reduction_factor: Annotated[int, Field(ge=2)]

    @property
    def waits_for(self) -> str:
        """What must have happened before it can stop a trial."""
        return f"{self.min_resource} epochs of several trials"

    def can_fire(self, n_trials: int, epochs: int) -> bool:
        """Whether it can stop some trial of a search with at most so many epochs."""
        return n_trials > self.reduction_factor and epochs >= self.min_resource * self.reduction_factor


class HyperparameterSearchParameters(Strict):
    """The search: how many trials, over what, pruned how; trials learn what layer unfreezing learns.

    ``attempt``: a finished search is not run again; another number is another search. ``trials_at_once``: so many are
    drawn before any of them is known; with 1 the trials are those of Optuna's own ``optimize`` with
    ``TPESampler(seed)``. ``processes``: so many run side by side; the result does not depend on it. ``auto`` takes a
    processor each where heads learn on features and there is much to do. ``direction``: ``auto`` goes the way in which
    ``training.metric_for_best_model`` gets better; the other way is refused.
    """

    n_trials: PositiveInt
    attempt: PositiveInt
    trials_at_once: PositiveInt
    processes: PositiveInt | Literal["auto"]
    direction: Literal["auto", "maximize", "minimize"]
    space: SearchSpace
    pruner: Pruner | Hyperband

    NOT_DECISIVE: ClassVar[frozenset[str]] = frozenset({"n_trials", "processes", "direction"})

    def identity(self) -> dict[str, Any]:
        """Return what the trials of a search depend on: all but how many there are, who runs them, and the direction.

        The direction is the metric's. The number of trials counts where the last of them are drawn together with fewer
        than the others: with more trials these would have been other ones.
        """
        rest = self.n_trials if self.n_trials % self.trials_at_once else None
        return self.model_dump(exclude=set(self.NOT_DECISIVE)) | {"n_trials": rest}

    @property
    def pruner_can_fire(self) -> bool:
        """Whether some trial is long enough for the pruner to stop it."""
        return self.pruner.can_fire(self.n_trials, self.space.num_train_epochs.high)


class TechniqueSearchParameters(HyperparameterSearchParameters):
    """The same search for a technique that trains through the encoder.

    Trials learn from ``row_limit`` posts (null: all). No trial is begun once ``budget_posts`` have been learnt from in
    all of them together, a post counted in each epoch. Prompt tuning is searched behind the last of its hard prompts.
    """

    technique: Literal["full_fine_tuning", "lora", "p_tuning", "prompt_tuning"]
    row_limit: PositiveInt | None
    budget_posts: PositiveInt

    NOT_DECISIVE: ClassVar[frozenset[str]] = HyperparameterSearchParameters.NOT_DECISIVE | {"budget_posts"}


class PromptTuningParameters(Strict):
    """The soft prompt (peft), the hard prompts, what learns beside the soft prompt, and which position is pooled.

    ``pooling`` ``first`` reads position 0 as DistilBERT does, which is then the first virtual token; ``cls`` reads
    [CLS] behind the virtual tokens. ``row_limit``: train on so many posts; null for all. ``repeat_seeds``: train the
    chosen prompt again with each further one of ``seeds``; each costs as much as one prompt. ``heads_to_compare``:
    what pipeline ``prompt_head_sweep`` puts in the place of ``trainable_head``, in turn. ``use_search_result``: train
    with what ``hyperparameter_search`` found in the place of ``hyperparameters``.
    """

    hard_prompts: Annotated[list[str], Field(min_length=1)]
    peft_type: Annotated[Literal["PROMPT_TUNING"], PossibleOnDistilBert]
    num_virtual_tokens: PositiveInt
    prompt_tuning_init: Literal["TEXT", "RANDOM"]
    prompt_tuning_init_text: str
    trainable_head: list[HeadLayer]
    heads_to_compare: Annotated[list[list[HeadLayer]], Field(min_length=1)]
    pooling: Literal["first", "cls"]
    row_limit: PositiveInt | None
    repeat_seeds: bool
    load_best_model_at_end: bool
    use_search_result: bool
    hyperparameters: Hyperparameters

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.hard_prompts)) < len(self.hard_prompts):
            raise ValueError("hard_prompts holds a prompt twice")
        if self.prompt_tuning_init == "TEXT" and not self.prompt_tuning_init_text.strip():
            raise ValueError("prompt_tuning_init TEXT needs a prompt_tuning_init_text")
        return self

    def as_tuning(self) -> TuningParameters:
        """Return what it shares with the other techniques that train through the encoder; the rest of theirs is off."""
        return TuningParameters(
            checkpoint=None,
            second_segment=None,
            one_wording_per_epoch=False,
            consistency_weight=0.0,
            label_smoothing_factor=0.0,
            early_stopping_patience=None,
            average_last_epochs=None,
            row_limit=self.row_limit,
            load_best_model_at_end=self.load_best_model_at_end,
            hold_out_dev_split=True,
            repeat_seeds=False,
            hyperparameters=self.hyperparameters,
        )


class RivalsParameters(Strict):
    """Classical rivals on TF-IDF: ``text`` raw (lower-cased) or cleaned; ``C`` of the two linear models."""

    text: Literal["raw", "cleaned"]
    C: Annotated[float, Field(gt=0)]


class PreprocessingAblationParameters(Strict):
    """Every way of cleaning through the same head; ``row_limit``: train on so many posts, null for all."""

    row_limit: PositiveInt | None
    hyperparameters: Hyperparameters
