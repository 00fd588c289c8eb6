"""What the teachers say of the training posts."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from tweet_sentiment.parameters import Compute, ModelParameters, Study, TrainingParameters
from tweet_sentiment.techniques import distillation as technique


def make_soft_labels(
    models_by_technique: dict[str, Callable[[], Any]],
    training_posts: pd.DataFrame,
    row_counts: dict[str, Any],
    distillation: technique.Parameters,
    study: Study,
    model: ModelParameters,
    training: TrainingParameters,
    compute: Compute,
    **trained: Any,
) -> pd.DataFrame:
    """Return the mean of what the teachers say of each training post: row, id, label, probability_<label>.

    ``trained`` are the figures of the teachers' trainings; they are inputs so that the teachers run before.
    """
    from pathlib import Path

    from tweet_sentiment.modeling.fitting import Setup

    setup = Setup(study, model, training, compute, row_counts, Path())
    return technique.soft_labels(models_by_technique, training_posts, distillation, setup)
