"""One fit a technique and number of posts; what an interrupted curve had finished is kept."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import StudyParameters

logger = logging.getLogger(__name__)

FEWEST = 3  # sizes that a power law needs


def measure_sizes(
    training_posts: pd.DataFrame,
    test_posts: pd.DataFrame,
    row_counts: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """Train each of ``learning_curve.techniques`` on each of ``sizes`` posts.

    One row a fit is returned, in comparison's columns, and after those of a technique one with ``measured`` false: what
    a power law gives for all posts.

    Smaller sets lie within larger ones, and a tweet comes with all its wordings. The dev split are held out
    throughout. Warm-up is as long a share of the training as with all posts; other hyperparameters stay.

    Raises:
        StudyError: fewer than three sizes are below the number of training posts.
    """
    from tweet_sentiment.modeling.fit_once import fit_once
    from tweet_sentiment.modeling.tuning import TuningData
    from tweet_sentiment.modeling.wordings import by_tweet

    from .sizes import at_size, extrapolated, measured

    data = TuningData(by_tweet(training_posts, parameters.seed), test_posts, row_counts, working_folder)
    every = int((~training_posts["dev"]).sum())
    sizes = _below(parameters.learning_curve.sizes, every)
    rows = []
    for technique in parameters.learning_curve.techniques:
        predictions = {}
        for size in sizes:
            logger.info("%s on %d of %d posts", technique, size, every)
            figures, predictions[size] = fit_once(technique, data, at_size(technique, size, every, parameters))
            rows.append(measured(technique, figures, predictions[size], parameters))
        rows.append(extrapolated(rows[-1], predictions, every, parameters))
    return pd.DataFrame(rows)


def _below(sizes: list[int], every: int) -> list[int]:
    possible = [size for size in sizes if size < every]
    if len(possible) < FEWEST:
        raise StudyError(
            f"learning_curve.sizes: {len(possible)} of {sizes} are below the {every} training posts; "
            f"give {FEWEST} or more."
        )
    return possible


def plot_sizes(table_of_sizes: pd.DataFrame, parameters: StudyParameters) -> Any:
    """Draw accuracy by the number of posts that were learnt from."""
    from tweet_sentiment.reports.learning import learning_figure

    return learning_figure(table_of_sizes, parameters.protocol)
