"""Typed, validated parameters: one model per top-level key of ``conf``, unknown keys refused.

Every node receives one frozen :class:`StudyParameters`; it is checked before anything runs (see ``hooks.py``).
"""

from tweet_sentiment.parameters.data import AuditParameters, Columns, DataParameters, LeakFreeRules
from tweet_sentiment.parameters.inputs import InputSettings
from tweet_sentiment.parameters.shared import Protocol
from tweet_sentiment.parameters.study import (
    DECISIVE,
    Compute,
    LackingColumn,
    Study,
    StudyParameters,
    validate_parameters,
)
from tweet_sentiment.parameters.techniques import (
    Hyperband,
    HyperparameterSearchParameters,
    IntRange,
    LayerUnfreezingParameters,
    PromptTuningParameters,
    SearchSpace,
    TechniqueSearchParameters,
)
from tweet_sentiment.parameters.training import Hyperparameters, ModelParameters, TrainingParameters, direction_of
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
from tweet_sentiment.parameters.warm_up import check_trainings, check_warm_up

__all__ = [
    "DECISIVE",
    "AuditParameters",
    "Columns",
    "Compute",
    "DataParameters",
    "DistillationParameters",
    "DomainAdaptationParameters",
    "EnsembleParameters",
    "FullFineTuningParameters",
    "Hyperband",
    "HyperparameterSearchParameters",
    "Hyperparameters",
    "InputSettings",
    "IntRange",
    "LackingColumn",
    "LayerUnfreezingParameters",
    "LeakFreeRules",
    "LearningCurveParameters",
    "LoraParameters",
    "ModelParameters",
    "PTuningParameters",
    "PromptTuningParameters",
    "Protocol",
    "SearchSpace",
    "Study",
    "StudyParameters",
    "TechniqueSearchParameters",
    "TrainingAblationParameters",
    "TrainingParameters",
    "TuningParameters",
    "UnfreezingSweepParameters",
    "check_trainings",
    "check_warm_up",
    "direction_of",
    "validate_parameters",
]
