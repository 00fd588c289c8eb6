"""Posts with an unlikely label, as TF-IDF and logistic regression see them."""

import logging
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from tweet_sentiment.data.filtering import has_ids
from tweet_sentiment.parameters import DataParameters, Study
from tweet_sentiment.techniques.classical import Parameters

logger = logging.getLogger(__name__)


def find_label_issues(
    filtered_training_posts: pd.DataFrame,
    filtered_validation_posts: pd.DataFrame,
    data: DataParameters,
    study: Study,
    classical: Parameters,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the posts with an issue, the least likely labels first, and counts per file; see ``data.label_issues``."""
    from tweet_sentiment.data.label_issues import UNLIKELY, label_issues

    classifier = partial(_probabilities, classical=classical, study=study)
    ids_known = has_ids(filtered_training_posts, data)
    table, counts = label_issues(
        filtered_training_posts, filtered_validation_posts, classifier, study.labels, ids_known, study.seed
    )
    found = (f"{one.get(UNLIKELY, 0):,} of {one['posts']:,} {part} posts" for part, one in counts.items())
    logger.info("Unlikely labels: %s.", ", ".join(found))
    return table, counts


def _probabilities(
    training: pd.DataFrame, posts: pd.DataFrame, classical: Parameters, study: Study
) -> "np.ndarray[Any, Any]":
    from tweet_sentiment.scoring.metrics import PROBABILITY
    from tweet_sentiment.techniques.classical import fit, predict

    estimator = fit("logistic_regression", training, classical, study.labels, study.seed)
    return predict(estimator, posts, study.labels)[[f"{PROBABILITY}{label}" for label in study.labels]].to_numpy()
