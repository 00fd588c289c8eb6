"""Typed, validated parameters: one model per top-level key of ``conf``, unknown keys refused.

Every node receives one frozen :class:`StudyParameters`; it is checked before anything runs (see ``hooks.py``).
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tweet_sentiment.errors import StudyError

Protocol = Literal["published", "leak_free"]
HeadLayer = Literal["pre_classifier", "classifier"]
PositiveInt = Annotated[int, Field(ge=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
LearningRate = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
WeightDecay = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

MAX_POSITIONS = 512  # of DistilBERT; virtual tokens and word pieces share them


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Columns(_Strict):
    """Where the CSV keeps what: positions from 0, or names if ``data.header`` is true; ``id``, ``entity`` or null."""

    id: int | str | None
    entity: int | str | None
    label: int | str
    post: int | str


class LeakFreeRules(_Strict):
    """Which training rows the leak-free protocol removes; a near-duplicate has a similarity of at least the threshold.

    Similarity is rapidfuzz's ``fuzz.ratio`` (0-100) of the normalised texts.
    """

    tweet_id: bool
    normalised_text: bool
    near_duplicate: bool
    near_duplicate_threshold: Annotated[float, Field(ge=50, le=100)]


class DataParameters(_Strict):
    """The files, how to read them, and how to filter, clean and split their posts."""

    training_file: Annotated[str, Field(min_length=1)]
    validation_file: str | None
    header: bool
    delimiter: Annotated[str, Field(min_length=1, max_length=1)]
    columns: Columns
    drop_labels: list[str]
    row_limit: PositiveInt | None
    validation_share: Share
    leak_free: LeakFreeRules
    cleaning: Literal["published", "corrected", "none"]
    remove_stop_words: bool
    lemmatize: bool


class ModelParameters(_Strict):
    """The encoder: ``embedded``, a hub id or a folder; and how texts reach it.

    ``encoder_dropout`` true trains through the encoder in training mode, as the paper does; false trains heads on
    features computed once. ``max_length`` is in word pieces, special tokens included.
    """

    checkpoint: Annotated[str, Field(min_length=1)]
    max_length: Annotated[int, Field(ge=8, le=MAX_POSITIONS)]
    padding: Literal["longest", "max_length"]
    encoder_dropout: bool


class Hyperparameters(_Strict):
    """What the search looks for, by the names of ``transformers.TrainingArguments``."""

    num_train_epochs: PositiveInt
    per_device_train_batch_size: PositiveInt
    learning_rate: LearningRate
    warmup_steps: NonNegativeInt
    weight_decay: WeightDecay


class TrainingParameters(_Strict):
    """What every technique shares. ``class_weights``: null, ``balanced``, or one positive weight for each label."""

    per_device_eval_batch_size: PositiveInt
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"]
    max_grad_norm: Annotated[float, Field(gt=0)]
    logging_steps: PositiveInt
    save_total_limit: PositiveInt
    metric_for_best_model: Literal["accuracy", "f1", "macro_f1", "precision", "recall", "eval_loss"]
    class_weights: Literal["balanced"] | dict[str, Annotated[float, Field(gt=0)]] | None


class BaselineParameters(_Strict):
    """The baseline learns nothing, so there is nothing to choose."""


class LayerUnfreezingParameters(_Strict):
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


class Range(_Strict):
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


class SearchSpace(_Strict):
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


class Pruner(_Strict):
    """``optuna.pruners.MedianPruner``; a step is an epoch."""

    n_startup_trials: NonNegativeInt
    n_warmup_steps: NonNegativeInt
    interval_steps: PositiveInt


class HyperparameterSearchParameters(_Strict):
    """The search: how many trials, over what, pruned how; trials learn what layer unfreezing learns."""

    n_trials: PositiveInt
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


class PromptTuningParameters(_Strict):
    """The soft prompt (peft), the hard prompts, what learns beside the soft prompt, and which position is pooled.

    ``pooling`` ``first`` reads position 0 as DistilBERT does, which is then the first virtual token; ``cls`` reads
    [CLS] behind the virtual tokens. ``row_limit``: train on so many posts; null for all.
    """

    hard_prompts: Annotated[list[str], Field(min_length=1)]
    peft_type: Literal["PROMPT_TUNING"]
    num_virtual_tokens: PositiveInt
    prompt_tuning_init: Literal["TEXT", "RANDOM"]
    prompt_tuning_init_text: str
    trainable_head: list[HeadLayer]
    pooling: Literal["first", "cls"]
    row_limit: PositiveInt | None
    load_best_model_at_end: bool
    hyperparameters: Hyperparameters

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.hard_prompts)) < len(self.hard_prompts):
            raise ValueError("hard_prompts holds a prompt twice")
        if self.prompt_tuning_init == "TEXT" and not self.prompt_tuning_init_text.strip():
            raise ValueError("prompt_tuning_init TEXT needs a prompt_tuning_init_text")
        return self


class ReportingParameters(_Strict):
    """What the paper reports, by technique: shown beside ours, never used."""

    paper_accuracy: dict[str, float]


class StudyParameters(_Strict):
    """Everything ``conf`` and ``--params`` can say. ``device``: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``."""

    run: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    labels: Annotated[list[str], Field(min_length=2)]
    protocol: Protocol
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")]
    fp16: bool
    precision: Literal["auto", "fp32", "bf16"]
    data: DataParameters
    model: ModelParameters
    training: TrainingParameters
    baseline: BaselineParameters
    layer_unfreezing: LayerUnfreezingParameters
    hyperparameter_search: HyperparameterSearchParameters
    prompt_tuning: PromptTuningParameters
    reporting: ReportingParameters

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels holds a label twice")
        if both := set(self.labels) & set(self.data.drop_labels):
            raise ValueError(f"{sorted(both)} stand in both labels and data.drop_labels")
        if not self.data.header and any(isinstance(c, str) for c in self.data.columns.model_dump().values()):
            raise ValueError("data.columns holds names, but data.header is false: give positions (0, 1, …)")
        positions = self.model.max_length + self.prompt_tuning.num_virtual_tokens
        if positions > MAX_POSITIONS:
            raise ValueError(
                f"model.max_length ({self.model.max_length}) + prompt_tuning.num_virtual_tokens "
                f"({self.prompt_tuning.num_virtual_tokens}) = {positions}; the encoder has {MAX_POSITIONS} positions"
            )
        weights = self.training.class_weights
        if isinstance(weights, dict) and set(weights) != set(self.labels):
            raise ValueError(
                f"training.class_weights names {sorted(weights)}; it must name each of {sorted(self.labels)}"
            )
        if self.fp16 and self.precision == "bf16":
            raise ValueError("fp16 is true and precision is bf16: choose one")
        if self.fp16 and self.device == "cpu":
            raise ValueError("fp16 needs a CUDA device, device is cpu: set fp16=false (precision may be bf16)")
        return self


def validate_parameters(raw: dict[str, object]) -> StudyParameters:
    """Check the whole set of parameters.

    Raises:
        StudyError: a key is missing, unknown or has a wrong value; the message names each such key.
    """
    try:
        return StudyParameters.model_validate(raw)
    except ValidationError as error:
        lines = [f"  {_key(e['loc'])}: {_reason(dict(e))}" for e in error.errors()]
        raise StudyError(
            "The parameters are not right; nothing was run.\n" + "\n".join(lines) + "\n"
            "Put it right in conf/*/parameters*.yml or in --params."
        ) from None


def _key(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "parameters"


def _reason(error: dict[str, object]) -> str:
    if error["type"] == "extra_forbidden":
        return "no such parameter"
    if error["type"] == "missing":
        return "is missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    found = error["input"]
    return message if isinstance(found, dict) else f"{message}; found {found!r}"
