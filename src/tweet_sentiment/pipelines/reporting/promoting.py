"""Which model becomes the run's best."""

import logging
from typing import Any

import pandas as pd

from tweet_sentiment.best_model import Promotion
from tweet_sentiment.errors import StudyError
from tweet_sentiment.schema import StudyParameters

from .choosing import NAMED, candidates

logger = logging.getLogger(__name__)


def promote(
    results: pd.DataFrame, manifests: Any, metrics: Any, audit: dict[str, Any], parameters: StudyParameters
) -> Promotion:
    """Promote the technique that the comparison marks as selected, and write its card.

    Raises:
        StudyError: the technique has no model folder.
    """
    from tweet_sentiment.reports.card import Candidate, better_than, model_card
    from tweet_sentiment.reports.choice import advice

    rule = parameters.promotion
    if parameters.protocol != rule.protocol:
        logger.info("Nothing is promoted under %s; promotion.protocol is %s.", parameters.protocol, rule.protocol)
        return Promotion(None)
    chosen: list[dict[Any, Any]] = results[results["selected"].eq(True)].to_dict("records")
    if not chosen:
        logger.warning("No technique was measured on dev split; nothing is promoted.")
        return Promotion(None)
    (row,) = chosen
    technique, by = str(row["technique"]), row.get("selected_by") or "accuracy"
    if technique not in manifests:
        raise StudyError(
            f"{technique} is the best, but has no model folder: it was run by an earlier version.\n"
            "  Run it again, then: kedro run --pipelines=reporting"
        )
    why = {
        "technique": technique,
        "protocol": parameters.protocol,
        "by": "technique" if by == NAMED else by,
        "candidates": {} if by == NAMED else candidates(results, by),
        "metrics": {name: value for name, value in row.items() if isinstance(value, int | float) and value == value},
        "better": better_than(results, row),
        "advice": advice(results, row),
    }
    per_class = metrics[f"{parameters.protocol}/{technique}"]()["per_class"]
    card = model_card(Candidate(manifests[technique](), row, per_class), results, why, audit)
    logger.info("Promoted: %s (%s).", technique, _said(why))
    if why["advice"]:
        logger.warning(why["advice"])
    return Promotion(technique, why, card)


def _said(why: dict[str, Any]) -> str:
    if why["by"] == "technique":
        return f"as {NAMED} says"
    return f"{why['by']} {why['candidates'][why['technique']]:.4f} on the dev split"
