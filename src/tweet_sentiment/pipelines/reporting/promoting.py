"""Which model becomes the run's best."""

import logging
from typing import Any

import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.promotion import Promotion

logger = logging.getLogger(__name__)

UNTRAINED = "baseline"


def promote(
    results: pd.DataFrame, manifests: Any, metrics: Any, audit: dict[str, Any], parameters: StudyParameters
) -> Promotion:
    """Choose the model to promote by the rule in ``promotion``, and write its card.

    Of two that are alike the one that stands first in the results is taken: the simpler one. The classical rivals have
    no model folder and cannot be promoted; the card says which of them did better. A technique without the figure that
    the rule asks for is left out, and the log says so.

    Raises:
        StudyError: ``promotion.technique`` names a technique without a model, or without metrics.
    """
    from tweet_sentiment.reports.card import Candidate, better_than, model_card

    rule = parameters.promotion
    if parameters.protocol != rule.protocol:
        logger.info("Nothing is promoted under %s; promotion.protocol is %s.", parameters.protocol, rule.protocol)
        return Promotion(None)
    rows: dict[str, Any] = {str(row["technique"]): row for row in results.to_dict("records")}
    models = {name: manifests[name]() for name in rows if name in manifests and name != UNTRAINED}
    figures = _figures(models, rows, rule.by)
    technique = rule.technique or max(figures, key=lambda name: figures[name], default=None)
    if technique is None:
        logger.warning("No technique has a %s; nothing is promoted.", rule.by)
        return Promotion(None)
    if technique not in models:
        raise StudyError(f"promotion.technique is {technique}; the techniques with a model are {sorted(models)}.")
    row = rows[technique]
    why = {
        "technique": technique,
        "protocol": parameters.protocol,
        "by": "technique" if rule.technique else rule.by,
        "candidates": figures,
        "metrics": {name: value for name, value in row.items() if isinstance(value, int | float) and value == value},
        "better": better_than(results, row),
    }
    per_class = metrics[f"{parameters.protocol}/{technique}"]()["per_class"]
    card = model_card(Candidate(models[technique], row, per_class), results, why, audit)
    logger.info("Promoted: %s (%s).", technique, _said(why))
    return Promotion(technique, why, card)


def _figures(models: dict[str, Any], rows: dict[str, Any], by: str) -> dict[str, float]:
    """Return the figure that decides, by technique, the best first."""
    found = {
        name: (manifest if by == "selection_accuracy" else rows[name]).get(by) for name, manifest in models.items()
    }
    if lacking := [name for name, value in found.items() if value is None]:
        logger.warning("Without a %s, so not in the choice of the best model: %s.", by, ", ".join(lacking))
    known = {name: float(value) for name, value in found.items() if value is not None}
    return dict(sorted(known.items(), key=lambda item: -item[1]))


def _said(why: dict[str, Any]) -> str:
    if why["by"] == "technique":
        return "as promotion.technique says"
    return f"{why['by'].replace('_', ' ')} {why['candidates'][why['technique']]:.4f}"
