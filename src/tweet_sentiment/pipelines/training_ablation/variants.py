"""The variants of a technique's training: looked at before, and compared with the first after."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.encoder_files import check_adapted
from tweet_sentiment.modeling.tuning import TuningData
from tweet_sentiment.parameters import LackingColumn, StudyParameters
from tweet_sentiment.scoring.bootstrap import bootstrap_intervals
from tweet_sentiment.scoring.comparison import holm, paired_difference, verdict

logger = logging.getLogger(__name__)
FIGURES = ["dev_accuracy", "trainable_parameters", "n_train", "seconds", "epoch", "steps", "encoder"]


def possible_variants(data: TuningData, parameters: StudyParameters) -> dict[str, StudyParameters]:
    """Return the parameters of each variant that the file has the columns for; each is checked, its encoder too.

    Raises:
        StudyError: a variant's changes or its encoder are not right, or no variant is possible.
    """
    possible = {}
    for name in parameters.training_ablation.variants:
        try:
            varied = parameters.variant(name)
        except LackingColumn as lacking:
            logger.warning("Skipped: %s", lacking)
            continue
        tuning = getattr(varied, parameters.training_ablation.technique)
        if tuning.checkpoint:
            check_adapted(tuning.checkpoint, data.row_counts, parameters)
        possible[name] = varied
    if not possible:
        raise StudyError(
            "Each of training_ablation.variants reads a column that the file lacks.\n"
            "  Add one that does not, such as plain: {}, or name the column in data.columns."
        )
    return possible


def table_of_variants(
    finished: dict[str, tuple[dict[str, Any], pd.DataFrame]], parameters: StudyParameters
) -> pd.DataFrame:
    """Return one row a variant, in their order, from its figures and predictions; differences are to the first."""
    first = next(iter(finished.values()))[1]
    settings: dict[str, Any] = {
        "resamples": parameters.uncertainty.resamples,
        "level": parameters.uncertainty.level,
        "seed": parameters.seed,
    }
    rows = []
    for name, (figures, mine) in finished.items():
        low, high = bootstrap_intervals(mine, parameters.labels, **settings)["accuracy"]
        row: dict[str, Any] = {"variant": name, "technique": parameters.training_ablation.technique}
        row |= {"accuracy": float((mine["label"] == mine["predicted"]).mean()), "low": low, "high": high}
        row |= {key: figures.get(key) for key in FIGURES}
        rows.append(row | _difference(mine, first, settings) | {"seed": parameters.seed})
    table = pd.DataFrame(rows)
    table["p_adjusted"] = holm(table["p_value"].to_numpy())
    ends = zip(table["difference_low"], table["difference_high"], table["p_adjusted"], strict=True)
    return table.assign(verdict=[verdict(*one, level=parameters.uncertainty.level) for one in ends])


def _difference(mine: pd.DataFrame, first: pd.DataFrame, settings: dict[str, Any]) -> dict[str, Any]:
    if mine is first:
        return dict.fromkeys(("difference", "difference_low", "difference_high", "p_value"), np.nan)
    found = paired_difference(mine, first, **settings)
    return {
        "difference": found["difference"],
        "difference_low": found["low"],
        "difference_high": found["high"],
        "p_value": found["p_value"],
    }
