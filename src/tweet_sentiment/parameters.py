"""Typed, validated parameters: one strict model per section of ``conf``; unknown keys are refused.

A technique's parameters are in its file; ``schema`` brings all of them together.
"""

import logging
import math
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin
from urllib.parse import unquote

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from tweet_sentiment.errors import StudyError
from tweet_sentiment.storage import REMEDY, is_address

logger = logging.getLogger(__name__)


def _local(path: str) -> str:
    if is_address(path):
        raise ValueError(f"an address, and {REMEDY}")
    return path


def distinct(items: list[Any]) -> list[Any]:
    """Refuse a list that has an item twice."""
    if len(set(items)) < len(items):
        raise ValueError("the list has an item twice")
    return items


def _as_label(label: object) -> object:
    return str(label).lower() if isinstance(label, bool) else str(label) if isinstance(label, int | float) else label


def _without_nulls(value: Any) -> Any:
    return {name: one for name, one in value.items() if one is not None} if isinstance(value, dict) else value


FORMS: dict[str, str] = {}  # in words, by the pattern of the text


def _form(pattern: str, words: str) -> Any:
    FORMS[pattern] = words
    return Field(pattern=pattern)


WithoutNulls = BeforeValidator(_without_nulls)  # of a map with names of its own: null takes a name out
Label = Annotated[str, BeforeValidator(_as_label)]  # YAML's 1 and true are the texts "1" and "true" of a file
Place = Annotated[str, Field(min_length=1)]  # a path of this machine, or an address
LocalPath = Annotated[str, Field(min_length=1), AfterValidator(_local)]
Protocol = Annotated[
    str,
    _form(
        r"^(published|leak_free|grouped(_[1-9]\d*_of_[1-9]\d*)?)$",
        "published, leak_free, grouped or grouped_<k>_of_<n>",
    ),
]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Run = Annotated[str, _form(r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", "a name of letters, digits, _, . and -")]
Seeds = Annotated[list[Seed], Field(min_length=1), AfterValidator(distinct)]
PositiveInt = Annotated[int, Field(ge=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
LearningRate = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
WeightDecay = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Delimiter = Annotated[
    str,
    BeforeValidator(lambda given: "\t" if given == r"\t" else given),
    _form(r"(?s)^(.|auto)$", "one character or auto"),
]
Quoting = Literal["auto", "csv", "none"]
Encoding = Annotated[str, Field(min_length=1)]

NOT_SHOWN = "not_shown"  # the type of an error whose message must not show the value, which may hold a password
MAX_POSITIONS = 512  # that virtual tokens and word pieces share; an encoder with fewer says so when it is loaded


def kinds_of(annotation: Any) -> Iterator[Any]:
    """Yield the kinds of map that an annotation allows: models, and ``dict`` for one with free names."""
    origin = get_origin(annotation) or annotation
    if origin is dict or (isinstance(origin, type) and issubclass(origin, BaseModel)):
        yield origin
    elif origin is Annotated:
        yield from kinds_of(get_args(annotation)[0])
    elif origin is not list:
        for one in get_args(annotation):
            yield from kinds_of(one)


class Strict(BaseModel):
    """A section of conf, or a part of one; ``NOT_DECISIVE``: keys that change no result of a training or search."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    NOT_DECISIVE: ClassVar[frozenset[str]] = frozenset()

    def identity(self) -> dict[str, Any]:
        """Return the values that decide a result, under which it is stored."""
        return self.model_dump(exclude=set(self.NOT_DECISIVE))

    def under(self, **changes: Any) -> Self:
        """Return the section with the changes whose keys it has."""
        return self.model_copy(update={name: one for name, one in changes.items() if name in type(self).model_fields})


# ---------------------------------------------------------------- the study and the machine
def posts_measured(dev_split: bool) -> str:
    """Return the name of the posts on which epochs and choices are measured."""
    return "dev split" if dev_split else "test posts"


class Study(Strict):
    """What every result depends on: the classes, the seed and the protocol; Kedro's ``params:study``.

    ``protocol``: ``published``, ``leak_free``, ``grouped`` (a share of the training file, held out by group) or
    ``grouped_<k>_of_<n>`` (fold k of n). ``seed`` decides the order of the data, the dev split and the head's start.
    """

    labels: Annotated[list[Label], Field(min_length=2), AfterValidator(distinct)]
    seed: Seed
    protocol: Protocol

    @model_validator(mode="after")
    def _is_a_fold(self) -> Self:
        if fold := re.fullmatch(r"grouped_(\d+)_of_(\d+)", self.protocol):
            k, n = int(fold[1]), int(fold[2])
            if k > n or n < 2:
                raise ValueError(f"protocol is {self.protocol}: expected a fold from 1 to n, and n of 2 or more")
        return self

    @property
    def has_dev_split(self) -> bool:
        """Whether choices are made on other posts than the test posts."""
        return self.protocol != "published"

    @property
    def chosen_on(self) -> str:
        """Where hyperparameters, prompts and epochs are chosen: on the test posts under ``published``."""
        return posts_measured(self.has_dev_split)


class Compute(Strict):
    """The device and the precision; Kedro's ``params:compute``. ``device``: auto, cpu, cuda or cuda:N."""

    device: Annotated[str, _form(r"^(auto|cpu|cuda(:\d+)?)$", "auto, cpu, cuda or cuda:N")]
    fp16: bool
    precision: Literal["auto", "fp32", "bf16"]

    @model_validator(mode="after")
    def _available(self) -> Self:
        if self.fp16 and self.precision == "bf16":
            raise ValueError("fp16 is true and precision is bf16: choose one")
        if self.fp16 and self.device == "cpu":
            raise ValueError("fp16 needs a CUDA device, device is cpu: set fp16=false (precision may be bf16)")
        return self


# ---------------------------------------------------------------- the data
RAW = "raw"  # texts as posted
Cleaning = Literal["published", "corrected", "minimal", "minimal_emoji_named", "none"]


class Columns(Strict):
    """The file's columns: positions from 0, or names if it has a header; only ``label`` and ``post`` are needed.

    ``id`` is shared by a post and its copies or rewordings; ``group`` by posts that may be unlike, but must not stand
    on both sides of a split, such as those of a user. There is one or the other.
    """

    id: int | str | None
    entity: int | str | None
    label: int | str
    post: int | str
    group: int | str | None = None

    @property
    def joins(self) -> bool:
        """Whether a column says which posts a split must keep together."""
        return self.id is not None or self.group is not None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.id is not None and self.group is not None:
            raise ValueError(
                "id and group are both given; copies within a group are found by their texts: set id to null"
            )
        return self


class LeakFreeRules(Strict):
    """Which training rows the leak-free protocol removes.

    Near-duplicates have a similarity of at least the threshold: rapidfuzz's ``fuzz.ratio`` (0-100) of the normalised
    texts.
    """

    tweet_id: bool
    normalised_text: bool
    near_duplicate: bool
    near_duplicate_threshold: Annotated[float, Field(ge=50, le=100)]


class AuditParameters(Strict):
    """The leakage audit: the share of known test posts above which it warns, and how many examples it shows."""

    overlap_limit: Annotated[float, Field(ge=0, le=1)]
    examples: PositiveInt


class DataParameters(Strict):
    """The files, how to read them, and how to filter, clean and split their posts.

    Files are CSV, TSV, JSON Lines or Parquet. ``auto``: detected in each file. ``quoting``: ``csv``, quotes enclose
    fields; ``none``, they are ordinary characters. ``encoding``: a name that Python knows. ``cleaning``: ``none`` gives
    the model the texts unchanged; ``minimal`` replaces links and user names and decodes HTML entities;
    ``minimal_emoji_named`` also replaces emoji by their names; ``corrected`` does what the paper describes;
    ``published`` does exactly what its code does, and keeps only ASCII letters. The run stops if cleaning empties
    more than a fifth of the posts. ``label_issues``: ``drop`` leaves out the training posts whose label the pipeline
    label_issues doubts; dev split and test posts do not change.
    """

    training_file: Place
    validation_file: Place | None
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
    """How a text becomes a model's input: cleaning, length and second segment.

    ``max_length``: the most word pieces, without virtual tokens; null: the encoder's positions. A classical model reads
    whole texts. ``second_segment`` ``entity``: the input is "[CLS] <entity> [SEP] <text> [SEP]"; null: the text alone.
    """

    cleaning: Cleaning
    remove_stop_words: bool
    lemmatize: bool
    max_length: Annotated[int, Field(ge=8, le=MAX_POSITIONS)] | None
    second_segment: Literal["entity"] | None = None

    @property
    def most_pieces(self) -> int:
        """Return the most word pieces that an encoder reads of a text."""
        return self.max_length or MAX_POSITIONS


# ---------------------------------------------------------------- encoder and training
class ModelParameters(Strict):
    """The encoder (``embedded``, a hub id or a folder), and how it reads texts.

    ``encoder_dropout`` true trains through the encoder in training mode, as in the paper; false trains heads on
    features computed once. ``max_length`` is in word pieces, including special tokens.
    """

    checkpoint: LocalPath
    max_length: Annotated[int, Field(ge=8, le=MAX_POSITIONS)]
    padding: Literal["longest", "max_length"]
    encoder_dropout: bool


WarmUp = NonNegativeInt | Annotated[float, Field(ge=0, lt=1)]


class Hyperparameters(Strict):
    """The hyperparameters of a training, with the names of ``transformers.TrainingArguments``.

    ``warmup_steps``: a number of steps; a value below 1 is a share of the steps, as in transformers.
    """

    num_train_epochs: PositiveInt
    per_device_train_batch_size: PositiveInt
    learning_rate: LearningRate
    warmup_steps: WarmUp
    weight_decay: WeightDecay

    def steps(self, posts: int) -> int:
        """Return the number of steps of a training on ``posts`` posts."""
        return math.ceil(posts / self.per_device_train_batch_size) * self.num_train_epochs

    def warm_up(self, steps: int) -> int:
        """Return how many of the steps are the warm-up."""
        return int(self.warmup_steps if isinstance(self.warmup_steps, int) else self.warmup_steps * steps)


class EncoderHyperparameters(Hyperparameters):
    """The hyperparameters of a training of the whole encoder.

    ``learning_rate`` ``auto`` is 2e-4 for the embedded encoder, 5e-5 for DistilBERT, and 2.5e-5 for BERT's base size.
    """

    learning_rate: LearningRate | Literal["auto"]  # type: ignore[assignment]


Direction = Literal["maximize", "minimize"]
LESS_IS_BETTER = frozenset({"eval_loss"})  # of the metrics that are measured; of the others more is better


def direction_of(metric: str) -> Direction:
    """Return which way a metric gets better."""
    return "minimize" if metric in LESS_IS_BETTER else "maximize"


class TrainingParameters(Strict):
    """The common parameters of all techniques. ``class_weights``: null, ``balanced``, or one positive weight per label;
    distillation does not use them, since its teachers' probabilities include them already.

    A training through the encoder saves a checkpoint after each epoch, and at the first log at least ``save_minutes``
    after the last checkpoint; it keeps ``save_total_limit`` of them: the best so far, and the newest.

    ``at_once`` trainings of a series (hard prompts, seeds, variants of an experiment) run side by side, each with its
    share of the threads; ``auto``: as many as use a CPU well, and one on a GPU. The seconds of a training are then its
    share of the time.

    ``processes`` on each of ``nodes`` machines train through the encoder together, each on a share of every batch: the
    batch size does not change. All other trainings (heads on features, classical baselines, domain adaptation) use one
    process. For several machines, start the same command on each, with separate outputs; the machines meet at
    ``rendezvous``, ``host:port`` of one of them.
    """

    per_device_eval_batch_size: PositiveInt
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"]
    max_grad_norm: Annotated[float, Field(gt=0)]
    logging_steps: PositiveInt
    save_total_limit: PositiveInt
    save_minutes: Annotated[float, Field(ge=0)]
    metric_for_best_model: Literal["accuracy", "f1", "macro_f1", "precision", "recall", "eval_loss"]
    class_weights: Annotated[Literal["balanced"] | dict[Label, Annotated[float, Field(gt=0)]] | None, WithoutNulls]
    at_once: PositiveInt | Literal["auto"]
    processes: PositiveInt
    nodes: PositiveInt
    rendezvous: Annotated[str, _form(r"^[^\s/]+:\d+$", "host:port")] | None

    NOT_DECISIVE: ClassVar[frozenset[str]] = frozenset({"save_total_limit", "save_minutes", "at_once", "rendezvous"})

    @model_validator(mode="after")
    def _meet_somewhere(self) -> Self:
        if self.nodes > 1 and self.rendezvous is None:
            raise ValueError("nodes above 1 need a rendezvous: host:port of one of the machines")
        return self

    @property
    def all_processes(self) -> int:
        """The number of processes that train together."""
        return self.processes * self.nodes

    @property
    def direction(self) -> Direction:
        """The direction in which ``metric_for_best_model`` gets better, for every choice of the study."""
        return direction_of(self.metric_for_best_model)

    def never_warm(self, hyperparameters: Hyperparameters, steps: int) -> bool:
        """Tell whether the warm-up is as long as the training: the learning rate is then never reached."""
        return self.lr_scheduler_type != "constant" and hyperparameters.warm_up(steps) >= max(1, steps)

    def warn_if_never_warm(self, hyperparameters: Hyperparameters, steps: int) -> None:
        """Warn if the warm-up is as long as the training, so that the learning rate is never reached."""
        if self.never_warm(hyperparameters, steps):
            logger.warning(
                "The warm-up of %d steps is as long as the training of %d: the learning rate of %g is never reached.",
                hyperparameters.warm_up(steps),
                steps,
                hyperparameters.learning_rate,
            )

    def check_warm_up(self, key: str, hyperparameters: Hyperparameters, posts: int) -> None:
        """Refuse hyperparameters whose warm-up is as long as a training on ``posts`` posts; ``key``: their parameter.

        Raises:
            StudyError: the learning rate would never be reached.
        """
        given, steps = hyperparameters, hyperparameters.steps(posts)
        if self.never_warm(given, steps):
            raise StudyError(
                f"{key}: warmup_steps is {given.warmup_steps}, and the whole training has {steps} steps ({posts:,} "
                f"posts in batches of {given.per_device_train_batch_size}, {given.num_train_epochs} epochs). "
                f"The learning rate of {given.learning_rate} would never be reached.\n"
                "  Give fewer, or a share of the steps (warmup_steps=0.1); or more posts, or more epochs."
            )

    def goodness(self, scores: Mapping[str, Any], prefix: str = "") -> float:
        """Return ``metric_for_best_model`` of these scores, with its sign changed if less is better."""
        value = float(scores[f"{prefix}{self.metric_for_best_model}"])
        return value if self.direction == "maximize" else -value


def _possible(peft_type: Any) -> Any:
    if peft_type == "PREFIX_TUNING":
        raise ValueError(
            "prefix tuning adds keys and values to every layer (past_key_values), which encoders do not accept; "
            "use PROMPT_TUNING (pipeline prompt_tuning), P_TUNING (p_tuning), or LORA or IA3 (lora)"
        )
    return peft_type


PeftType = BeforeValidator(_possible)
Pooling = Literal["default", "cls", "mean"]  # default: as the classifier of the encoder's family does it


class TrainerParameters(Strict):
    """The common parameters of techniques that train through the encoder.

    ``checkpoint``: the encoder to start from; null: ``model.checkpoint``. ``second_segment`` ``entity`` reads "[CLS]
    entity [SEP] post [SEP]", or as the tokenizer joins a pair. ``label_smoothing_factor``: the share of a label that is
    spread over all labels. ``early_stopping_patience``: stop after this number of epochs without a better one.
    ``row_limit``: the number of training posts; null: all. ``load_best_model_at_end`` chooses the epoch on the dev
    split, and does not train on it; ``hold_out_dev_split`` never trains on it, so that techniques can be compared on
    it. ``repeat_seeds``: train again with each other seed of ``seeds``.
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
            raise ValueError("early_stopping_patience needs load_best_model_at_end: it stops after the best epoch")
        return self


class DevSplitParameters(Strict):
    """The dev split, on which hyperparameters, prompts and epochs are chosen: ``share`` of the tweets, one post each.

    It has at least ``least_posts`` posts, but at most a third of the tweets: on a few posts a choice is luck. Under the
    ``published`` protocol choices are made on the test posts, as in the paper.
    """

    share: Share
    least_posts: PositiveInt

    def share_of(self, tweets: int) -> float:
        """Return the share of the tweets that is drawn."""
        return max(self.share, min(self.least_posts / tweets, 1 / 3))


# ---------------------------------------------------------------- experiments that vary one setting
Names = Annotated[list[str], Field(min_length=1), AfterValidator(distinct)]


class UnfreezingSweepParameters(Strict):
    """Layer unfreezing with each number of ``top_blocks``; ``row_limit``: the number of training posts, null: all."""

    top_blocks: Annotated[list[NonNegativeInt], Field(min_length=1), AfterValidator(distinct)]
    row_limit: PositiveInt | None
    load_best_model_at_end: bool
    hyperparameters: Hyperparameters


class TrainingAblationParameters(Strict):
    """A technique trained once for each of ``variants``: a name, and the parameters of the technique that change.

    The dev split is always held out. ``row_limit`` replaces the technique's; a tweet comes with all its paraphrases.
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
    """Techniques trained on the first ``sizes`` posts of an order by tweet; the power law needs three sizes."""

    techniques: Names
    sizes: Annotated[list[PositiveInt], Field(min_length=3)]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if any(larger <= smaller for smaller, larger in pairwise(self.sizes)):
            raise ValueError("sizes must ascend")
        return self


class PreprocessingAblationParameters(Strict):
    """The same head trained on texts cleaned in each way; ``row_limit``: the number of training posts, null: all."""

    row_limit: PositiveInt | None
    hyperparameters: Hyperparameters


# ---------------------------------------------------------------- a search over hyperparameters
_DATABASE = re.compile(r"postgresql://([^\s:/@?#{}]+@)?([\w.-]+|\[[\da-fA-F:]+\])?(:\d+)?/[^\s:/@?#{}]+(\?[^\s#{}]*)?")


def _without_password(url: str) -> str:
    """Refuse a URL that is not a database's or has a password; the message does not show it."""
    plain = unquote(url)
    if ":" in plain.partition("://")[2].rpartition("@")[0] or "password" in plain.lower():
        raise PydanticCustomError(
            NOT_SHOWN, "the URL has a password, which logs would show: leave it out and set PGPASSWORD, or ~/.pgpass"
        )
    if not _DATABASE.fullmatch(url):
        raise PydanticCustomError(NOT_SHOWN, "expected a database as postgresql://user@host:5432/name")
    return url


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
    """The paper's five hyperparameters: the batch size from a list, the warm-up in steps or as a share of them."""

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
        """What must happen before it can stop a trial."""
        return f"{self.n_startup_trials} trials and {self.n_warmup_steps} epochs"

    def can_fire(self, n_trials: int, epochs: int) -> bool:
        """Whether it can stop some trial of a search with at most so many epochs."""
        return n_trials > self.n_startup_trials and epochs > self.n_warmup_steps + 1


class Hyperband(Strict):
    """``optuna.pruners.HyperbandPruner``; a resource is an epoch, and its maximum is the most epochs of the space."""

    min_resource: PositiveInt
    reduction_factor: Annotated[int, Field(ge=2)]

    @property
    def waits_for(self) -> str:
        """What must happen before it can stop a trial."""
        return f"{self.min_resource} epochs of several trials"

    def can_fire(self, n_trials: int, epochs: int) -> bool:
        """Whether it can stop some trial of a search with at most so many epochs."""
        return n_trials > self.reduction_factor and epochs >= self.min_resource * self.reduction_factor


class SearchParameters(Strict):
    """The search: the number of trials, the search space and the pruner; a trial trains the layers of layer unfreezing.

    ``attempt``: a finished search is not run again; another number starts a new search. ``trials_at_once``: the number
    of trials drawn before any result of them is known; with 1 the trials are those of Optuna's own ``optimize`` with
    ``TPESampler(seed)``. ``processes``: the number of parallel trials; the result does not depend on it. ``auto`` uses
    one per processor if heads are trained on features and there is enough work. ``direction``: ``auto`` is the
    direction in which ``training.metric_for_best_model`` gets better; the opposite is refused. ``storage``: the URL of
    a PostgreSQL database, without a password; all runs that name it share the search. Their trials are drawn as workers
    become free, whatever ``trials_at_once`` is.
    """

    n_trials: PositiveInt
    attempt: PositiveInt
    trials_at_once: PositiveInt
    processes: PositiveInt | Literal["auto"]
    direction: Literal["auto", "maximize", "minimize"]
    storage: Annotated[str, AfterValidator(_without_password)] | None
    space: SearchSpace
    pruner: Pruner | Hyperband

    NOT_DECISIVE: ClassVar[frozenset[str]] = frozenset({"n_trials", "processes", "direction", "storage"})

    def identity(self) -> dict[str, Any]:
        """Return what the trials of a search depend on, except their number, their workers and the direction.

        The direction is the metric's. The number of trials counts if the last group drawn together is smaller than the
        others: with more trials its trials would be different.
        """
        rest = self.n_trials if self.n_trials % self.trials_at_once else None
        return super().identity() | {"n_trials": rest}

    @property
    def pruner_can_fire(self) -> bool:
        """Whether some trial is long enough for the pruner to stop it."""
        return self.pruner.can_fire(self.n_trials, self.space.num_train_epochs.high)


class TechniqueSearchParameters(SearchParameters):
    """The same search for a technique that trains through the encoder.

    A trial is trained on ``row_limit`` posts (null: all). No trial starts once all trials together have been trained on
    ``budget_posts`` posts, counted again in each epoch. Prompt tuning is searched with its last hard prompt.
    """

    technique: str
    row_limit: PositiveInt | None
    budget_posts: PositiveInt

    NOT_DECISIVE: ClassVar[frozenset[str]] = SearchParameters.NOT_DECISIVE | {"budget_posts"}


# ---------------------------------------------------------------- what is measured and reported
class UncertaintyParameters(Strict):
    """Bootstrap: how many resamples of tweet ids, and the coverage of the intervals."""

    resamples: Annotated[int, Field(ge=100)]
    level: Annotated[float, Field(gt=0.5, lt=1)]


class PromotionParameters(Strict):
    """Which model is promoted under ``protocol``: that of ``technique``; if it is null, the best by ``metric``.

    ``metric`` is measured on the dev split, so that the choice does not bias the figures on the test posts: the highest
    ``accuracy`` or ``macro_f1``, or the lowest ``eval_loss``. ``macro_f1`` gives each class the same weight.
    """

    metric: Literal["accuracy", "macro_f1", "eval_loss"]
    protocol: Protocol
    technique: str | None


class ReportingParameters(Strict):
    """What this run's comparison also shows.

    ``paper_accuracy``: what the paper reports, by technique. ``other_runs``: runs on the same posts, for example with
    another encoder. Their techniques are shown as "lora (<run>)" and tested against this run's, but never promoted.
    """

    paper_accuracy: Annotated[dict[str, float], WithoutNulls]
    other_runs: list[str] = []


class TrackingParameters(Strict):
    """Where else a run is logged: ``mlflow``, the address of a store, and ``tensorboard``, a folder; null: nowhere.

    Both log what nodes save, so that no result depends on them. They need the extra ``tracking``.
    """

    mlflow: Annotated[str, Field(min_length=1)] | None
    tensorboard: Annotated[str, Field(min_length=1)] | None


# ---------------------------------------------------------------- a trained model over a file
class InferenceParameters(Strict):
    """A file of posts for a trained model; ``kedro predict --csv`` does the same in constant memory, and can resume.

    ``model``: a model folder; ``file``: CSV, Parquet or JSON Lines; ``delimiter``, ``quoting`` and ``encoding`` as in
    ``data``. ``text_column`` is a name, or a position if ``header`` is false; so is ``entity_column``, if the model
    reads entities. ``on_error``: a faulty row is kept without a label, or stops the run. ``prefix`` is put before the
    names of added columns.
    """

    model: Place
    file: Place | None
    header: bool
    delimiter: Delimiter
    quoting: Quoting
    encoding: Encoding
    text_column: str | int
    entity_column: str | int | None
    on_error: Literal["keep", "stop"]
    prefix: str
