"""The comparison of the techniques, from their metrics alone."""

import logging
from collections.abc import Callable
from typing import Any

import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import StudyParameters

logger = logging.getLogger(__name__)

TECHNIQUES = ("baseline", "layer_unfreezing", "hyperparameter_search", "prompt_tuning")
COLUMNS = [
    "technique",
    "protocol",
    "encoder",
    "n_train",
    "n_validation",
    "trainable_parameters",
    "eval_loss",
    "accuracy",
    "f1",
    "precision",
    "recall",
    "macro_f1",
    "seconds",
    "paper_accuracy",
    "cleaning",
    "seed",
    "device",
    "precision_of_arithmetic",
]


def collect_results(*metrics_and_parameters: Any) -> pd.DataFrame:
    """Put the techniques' metrics, in the order of ``TECHNIQUES``, into one table; name those that were not run.

    Raises:
        StudyError: no technique has been run.
    """
    *every_metrics, parameters = metrics_and_parameters
    found = {name: metrics for name, metrics in zip(TECHNIQUES, every_metrics, strict=True) if metrics}
    if missing := [name for name in TECHNIQUES if name not in found]:
        logger.warning("Not run yet under protocol %s: %s.", parameters.protocol, ", ".join(missing))
    if not found:
        raise StudyError(
            f"No technique has been run for run '{parameters.run}', protocol {parameters.protocol}; there is nothing "
            f"to report.\n  Run one first:  kedro run --pipeline=baseline"
        )
    return pd.DataFrame([_row(name, metrics, parameters) for name, metrics in found.items()], columns=COLUMNS)


def _row(technique: str, metrics: dict[str, Any], parameters: StudyParameters) -> dict[str, Any]:
    return {
        **{name: metrics.get(name) for name in COLUMNS},
        "technique": technique,
        "precision": metrics["precision"],
        "precision_of_arithmetic": metrics.get("arithmetic"),
        "paper_accuracy": parameters.reporting.paper_accuracy.get(technique),
    }


def compare(
    results: pd.DataFrame, results_by_protocol: dict[str, Callable[[], pd.DataFrame]], parameters: StudyParameters
) -> tuple[pd.DataFrame, str]:
    """Gather the results of every protocol of this run into one table, and the same as Markdown.

    ``results`` is among ``results_by_protocol``: it is an input so that it is written before the others are read.
    """
    from tweet_sentiment.report import comparison_markdown

    tables = {name: load() for name, load in sorted(results_by_protocol.items())}
    tables[parameters.protocol] = results
    comparison = pd.concat(tables.values(), ignore_index=True)
    order = {name: i for i, name in enumerate(TECHNIQUES)}
    comparison = comparison.sort_values(
        ["protocol", "technique"], key=lambda column: column.map(order) if column.name == "technique" else column
    ).reset_index(drop=True)
    return comparison, comparison_markdown(comparison, list(TECHNIQUES), parameters.run)


def plot_comparison(comparison: pd.DataFrame) -> tuple[Any, Any]:
    """Draw accuracy by technique and protocol beside the paper's, and accuracy against cost."""
    from tweet_sentiment.report import accuracy_figure, cost_figure

    return accuracy_figure(comparison), cost_figure(comparison)
