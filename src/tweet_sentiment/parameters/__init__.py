"""Typed, validated parameters that several parts of the project share; unknown keys are refused.

A technique's own stand in its file; see :mod:`tweet_sentiment.schema` for the whole.
"""

from tweet_sentiment.parameters.data import AuditParameters, Columns, DataParameters, InputSettings, LeakFreeRules
from tweet_sentiment.parameters.experiments import (
    LearningCurveParameters,
    PreprocessingAblationParameters,
    TrainingAblationParameters,
    UnfreezingSweepParameters,
)
from tweet_sentiment.parameters.inference import InferenceParameters
from tweet_sentiment.parameters.reporting import (
    PromotionParameters,
    ReportingParameters,
    TrackingParameters,
    UncertaintyParameters,
)
from tweet_sentiment.parameters.shared import Protocol
from tweet_sentiment.parameters.study import Compute, Study
from tweet_sentiment.parameters.training import (
    DevSplitParameters,
    Hyperparameters,
    ModelParameters,
    TrainerParameters,
    TrainingParameters,
    direction_of,
)

__all__ = [
    "AuditParameters",
    "Columns",
    "Compute",
    "DataParameters",
    "DevSplitParameters",
    "Hyperparameters",
    "InferenceParameters",
    "InputSettings",
    "LeakFreeRules",
    "LearningCurveParameters",
    "ModelParameters",
    "PreprocessingAblationParameters",
    "PromotionParameters",
    "Protocol",
    "ReportingParameters",
    "Study",
    "TrackingParameters",
    "TrainerParameters",
    "TrainingAblationParameters",
    "TrainingParameters",
    "UncertaintyParameters",
    "UnfreezingSweepParameters",
    "direction_of",
]
