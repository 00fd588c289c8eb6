"""Everything ``conf`` and ``--params`` can say, in one frozen object that is checked before anything runs."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters.data import DataParameters
from tweet_sentiment.parameters.inference import InferenceParameters
from tweet_sentiment.parameters.inputs import InputSettings
from tweet_sentiment.parameters.reporting import (
    PromotionParameters,
    ReportingParameters,
    TrackingParameters,
    UncertaintyParameters,
)
from tweet_sentiment.parameters.shared import MAX_POSITIONS, Label, Protocol, Seed, Strict
from tweet_sentiment.parameters.techniques import (
    BaselineParameters,
    HyperparameterSearchParameters,
    LayerUnfreezingParameters,
    PreprocessingAblationParameters,
    PromptTuningParameters,
    RivalsParameters,
    TechniqueSearchParameters,
)
from tweet_sentiment.parameters.training import DevSplitParameters, ModelParameters, TrainingParameters
from tweet_sentiment.parameters.tuning import (
    DistillationParameters,
    DomainAdaptationParameters,
    EnsembleParameters,
    FullFineTuningParameters,
    LearningCurveParameters,
    LoraParameters,
    PTuningParameters,
    TrainingAblationParameters,
    TuningParameters,
    UnfreezingSweepParameters,
)

DECISIVE = frozenset(
    {"labels", "protocol", "seed", "device", "fp16", "precision", "data", "model", "training", "dev_split"}
    | {"layer_unfreezing"}
)


class LackingColumn(StudyError):
    """A technique would read a column that the file does not have."""


class Study(Strict):
    """What every result depends on: the classes, the seed and the protocol; Kedro's ``params:study``.

    ``protocol``: ``published``, ``leak_free``, ``grouped`` (a share of the training file, held out by group) or
    ``grouped_<k>_of_<n>`` (fold k of n). ``seed`` draws the data's order, the dev split and the head.
    """

    labels: Annotated[list[Label], Field(min_length=2)]
    seed: Seed
    protocol: Protocol

    @property
    def has_dev_split(self) -> bool:
        """Whether choices are made on other posts than those that are reported."""
        return self.protocol != "published"

    @property
    def chosen_on(self) -> str:
        """On what hyperparameters, prompts and epochs are chosen; ``published`` does it on the reported posts."""
        return "dev split" if self.has_dev_split else "test posts"


class Compute(Strict):
    """The device and the precision; Kedro's ``params:compute``. ``device``: auto, cpu, cuda or cuda:N."""

    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")]
    fp16: bool
    precision: Literal["auto", "fp32", "bf16"]


class StudyParameters(Strict):
    """Everything ``conf`` and ``--params`` can say.

    ``device``: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``. ``protocol``: ``published``, ``leak_free``, ``grouped`` (a
    share of the training file, held out by group) or ``grouped_<k>_of_<n>`` (fold k of n). ``seed`` draws the data's
    order, the held-out posts and the head; a technique is trained again with each further one of ``seeds``.
    """

    run: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    seed: Seed
    seeds: Annotated[list[Seed], Field(min_length=1)]
    labels: Annotated[list[Label], Field(min_length=2)]
    protocol: Protocol
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")]
    fp16: bool
    precision: Literal["auto", "fp32", "bf16"]
    data: DataParameters
    model: ModelParameters
    training: TrainingParameters
    dev_split: DevSplitParameters
    uncertainty: UncertaintyParameters
    baseline: BaselineParameters
    layer_unfreezing: LayerUnfreezingParameters
    hyperparameter_search: HyperparameterSearchParameters
    technique_search: TechniqueSearchParameters
    prompt_tuning: PromptTuningParameters
    full_fine_tuning: FullFineTuningParameters
    lora: LoraParameters
    p_tuning: PTuningParameters
    unfreezing_sweep: UnfreezingSweepParameters
    training_ablation: TrainingAblationParameters
    learning_curve: LearningCurveParameters
    domain_adaptation: DomainAdaptationParameters
    ensemble: EnsembleParameters
    distillation: DistillationParameters
    rivals: RivalsParameters
    preprocessing_ablation: PreprocessingAblationParameters
    reporting: ReportingParameters
    promotion: PromotionParameters
    inference: InferenceParameters
    tracking: TrackingParameters

    def decisive(self) -> dict[str, Any]:
        """Return what weights depend on: a search or a training goes on only where all of it is the same."""
        return self.model_dump(include=set(DECISIVE))

    def only(self, names: Iterable[str]) -> "StudyParameters":
        """Return these top-level fields alone: who is handed them, in another process too, can depend on no other.

        Any other is an AttributeError.
        """
        return StudyParameters.model_construct(**{name: getattr(self, name) for name in names})

    def input_settings(self, second_segment: Any) -> InputSettings:
        """Return how a text becomes input, for the manifest of a model that is trained with these parameters."""
        data = self.data
        return InputSettings(
            cleaning=data.cleaning,
            remove_stop_words=data.remove_stop_words,
            lemmatize=data.lemmatize,
            max_length=self.model.max_length,
            second_segment=second_segment,
        )

    @property
    def study(self) -> Study:
        """What every result depends on."""
        return Study(**{name: getattr(self, name) for name in Study.model_fields})

    @property
    def compute(self) -> Compute:
        """The device and the precision."""
        return Compute(**{name: getattr(self, name) for name in Compute.model_fields})

    @property
    def chosen_on(self) -> str:
        """On what hyperparameters, prompts and epochs are chosen."""
        return self.study.chosen_on

    @property
    def has_dev_split(self) -> bool:
        """Whether choices are made on other posts than those that are reported."""
        return self.study.has_dev_split

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels holds a label twice")
        if fold := re.fullmatch(r"grouped_(\d+)_of_(\d+)", self.protocol):
            k, n = int(fold[1]), int(fold[2])
            if k > n or n < 2:
                raise ValueError(f"protocol is {self.protocol}: give a fold of 1 to n, and n of 2 or more")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds holds a seed twice")
        if both := set(self.labels) & set(self.data.drop_labels):
            raise ValueError(f"{sorted(both)} stand in both labels and data.drop_labels")
        if not self.data.header and any(isinstance(c, str) for c in self.data.columns.model_dump().values()):
            raise ValueError("data.columns holds names, but data.header is false: give positions (0, 1, …)")
        for name, prompt in (("prompt_tuning", self.prompt_tuning), ("p_tuning", self.p_tuning)):
            positions = self.model.max_length + prompt.num_virtual_tokens
            if positions > MAX_POSITIONS:
                raise ValueError(
                    f"model.max_length ({self.model.max_length}) + {name}.num_virtual_tokens "
                    f"({prompt.num_virtual_tokens}) = {positions}; the encoder has {MAX_POSITIONS} positions"
                )
        for name in ("full_fine_tuning", "lora", "p_tuning", "distillation"):
            if lacking := self._lacking_column(getattr(self, name)):
                raise ValueError(f"{name}: {lacking}")
        self._check_variants()
        self._check_direction()
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

    def _check_direction(self) -> None:
        training = self.training
        for name, search in (
            ("hyperparameter_search", self.hyperparameter_search),
            ("technique_search", self.technique_search),
        ):
            if search.direction not in ("auto", training.direction):
                better = "more" if training.direction == "maximize" else "less"
                raise ValueError(
                    f"{name}.direction is {search.direction}, but of training.metric_for_best_model "
                    f"({training.metric_for_best_model}) {better} is better: set {name}.direction to auto"
                )

    def _check_variants(self) -> None:
        ablation = self.training_ablation
        for name, changes in ablation.variants.items():
            key = f"training_ablation.variants.{name}"
            try:
                ablation.applied(self, changes)
            except ValidationError as error:
                for one in error.errors():
                    if one["loc"]:  # what does not go with the technique's other values concerns the ablation alone
                        raise ValueError(f"{key}: {_key(one['loc'])} {_reason(dict(one))}") from None

    def variant(self, name: str) -> "StudyParameters":
        """Return the parameters under a variant of ``training_ablation``.

        Raises:
            LackingColumn: it reads a column that the file does not have.
            StudyError: its changes do not go with the other parameters.
        """
        ablation = self.training_ablation
        try:
            varied: StudyParameters = ablation.applied(self, ablation.variants[name])
        except ValidationError as error:
            raise StudyError(f"training_ablation.variants.{name}: {_reason(dict(error.errors()[0]))}.") from None
        if lacking := self._lacking_column(getattr(varied, ablation.technique)):
            raise LackingColumn(f"training_ablation.variants.{name}: {lacking}.")
        return varied

    def _lacking_column(self, tuning: TuningParameters) -> str | None:
        """Say which column a technique would read that the file does not have; None where it has all of them."""
        columns = self.data.columns
        if tuning.second_segment == "entity" and columns.entity is None:
            return "second_segment is entity, but data.columns.entity is null"
        if (tuning.one_wording_per_epoch or tuning.consistency_weight) and columns.id is None:
            return "wordings of a tweet are known by its id, but data.columns.id is null"
        return None


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
