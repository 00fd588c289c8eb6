"""The teachers' probabilities of the training posts."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from tweet_sentiment.techniques import TEACHERS
from tweet_sentiment.techniques import distillation as technique


def make_soft_labels(
    models_by_technique: dict[str, Callable[[], Any]],
    training_posts: pd.DataFrame,
    distillation: technique.Parameters,
    **given: Any,
) -> pd.DataFrame:
    """Return the teachers' mean probabilities of each training post: row, id, label, probability_<label>.

    The figures of the teachers' trainings are inputs, so that the teachers run first.
    """
    from tweet_sentiment.modeling.fitting import Setup

    setup = Setup(**{name: value for name, value in given.items() if name not in TEACHERS})
    return technique.soft_labels(models_by_technique, training_posts, distillation, setup)
