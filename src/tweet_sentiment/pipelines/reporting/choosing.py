"""Which technique is the best: one rule, asked once, for the comparison, the report, the card and the promotion."""

import logging
from typing import Any

import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.schema import StudyParameters

logger = logging.getLogger(__name__)

YARDSTICKS = ("baseline", "majority_class")  # what others are measured by; the best only if they are named
LOWER_IS_BETTER = ("eval_loss",)
NAMED = "promotion.technique"


def select(results: pd.DataFrame, parameters: StudyParameters) -> pd.DataFrame:
    """Mark the best technique in ``selected``, and say in ``selected_by`` why: a metric, or ``promotion.technique``.

    It is the one that is best by ``promotion.metric`` on the dev split: a choice without a look at the posts
    that are reported. Of two that are alike the one that stands first is taken: the simpler one. Where nothing was
    measured on such posts (the published protocol) nothing is selected.

    Raises:
        StudyError: ``promotion.technique`` names one that is not among the results.
    """
    rule = parameters.promotion
    best: str | None
    if rule.technique and parameters.protocol == rule.protocol:
        best, why = rule.technique, NAMED
        if best not in set(results["technique"]):
            raise StudyError(
                f"promotion.technique is {best}, which has no results; there are {sorted(results['technique'])}.\n"
                f"  Run it first, or name another: --params=promotion.technique=…  (null: the best by promotion.metric)"
            )
    else:
        known = candidates(results, rule.metric)
        best, why = next(iter(known), None), rule.metric
        lacking = [name for name in results["technique"] if name not in (*known, *YARDSTICKS)]
        if known and lacking:
            logger.warning("Without %s on the dev split, so not in the choice: %s.", why, ", ".join(lacking))
    selected = results["technique"].eq(best or "")
    return results.assign(selected=selected, selected_by=selected.map({True: why, False: None}))


def candidates(results: pd.DataFrame, metric: str) -> dict[str, float]:
    """Return the figure that decides, by technique, the best first."""
    rows: dict[str, Any] = dict(zip(results["technique"], results[f"dev_{metric}"], strict=True))
    known = {name: float(v) for name, v in rows.items() if name not in YARDSTICKS and not pd.isna(v)}
    sign = 1 if metric in LOWER_IS_BETTER else -1
    return dict(sorted(known.items(), key=lambda item: sign * item[1]))
