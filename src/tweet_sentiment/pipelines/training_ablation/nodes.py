"""One technique, one fit a variant; what an interrupted ablation had finished is kept."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from tweet_sentiment.parameters import StudyParameters

logger = logging.getLogger(__name__)


def compare_variants(
    training_posts: pd.DataFrame,
    test_posts: pd.DataFrame,
    row_counts: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """Fit ``training_ablation.technique`` with each of ``variants``; return one row a variant.

    The dev split are held out of training throughout, so that a variant can be chosen by
    ``dev_accuracy``; ``accuracy`` with ``low`` and ``high`` is of the test posts. ``difference`` is to the
    first variant there, with its paired interval and Holm's p-value. With ``row_limit`` a tweet still comes with all
    its wordings, which some of the variants are about. A variant that reads a column which the file lacks is skipped.
    """
    from tweet_sentiment.modeling.fit_once import fit_once
    from tweet_sentiment.modeling.tuning import TuningData
    from tweet_sentiment.modeling.wordings import by_tweet

    from .variants import possible_variants, table_of_variants

    data = TuningData(by_tweet(training_posts, parameters.seed), test_posts, row_counts, working_folder)
    technique, finished = parameters.training_ablation.technique, {}
    for name, varied in possible_variants(data, parameters).items():
        logger.info("%s, %s", technique, name)
        finished[name] = fit_once(technique, data, varied)
    return table_of_variants(finished, parameters)


def plot_variants(table_of_variants: pd.DataFrame, parameters: StudyParameters) -> Any:
    """Draw accuracy by variant."""
    from tweet_sentiment.reports.sweeps import sweep_figure

    return sweep_figure(
        table_of_variants, "variant", "variant of the training", parameters.protocol, parameters.chosen_on
    )
