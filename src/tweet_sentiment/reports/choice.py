"""Which technique is the best: one rule for the comparison, the report, the card and the promotion, and its words."""

import logging
from typing import Any

import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import PromotionParameters, Study
from tweet_sentiment.reports.tables import HONEST
from tweet_sentiment.techniques import YARDSTICKS

logger = logging.getLogger(__name__)

MAJORITY = "majority_class"
LOWER_IS_BETTER = ("eval_loss",)
NAMED = "promotion.technique"  # in selected_by, where no figure was asked
NAMES: dict[Any, str] = {"accuracy": "accuracy", "macro_f1": "macro F1", "eval_loss": "loss"}


def select(results: pd.DataFrame, study: Study, rule: PromotionParameters) -> pd.DataFrame:
    """Mark the best technique in ``selected``, and say in ``selected_by`` why: a metric, or ``promotion.technique``.

    It is the one that is best by ``promotion.metric`` on the dev split: a choice without a look at the posts
    that are reported. Of two that are alike the one that stands first is taken: the simpler one. Where nothing was
    measured on such posts (the published protocol) nothing is selected.

    Raises:
        StudyError: ``promotion.technique`` names one that is not among the results.
    """
    best: str | None
    if rule.technique and study.protocol == rule.protocol:
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


def best_of(comparison: pd.DataFrame) -> dict[Any, Any]:
    """Return the row that was chosen under the first of the protocols without the leak, or else its most accurate."""
    ran = set(comparison["protocol"])
    protocol = next((name for name in HONEST if name in ran), comparison["protocol"].iloc[0])
    rows = comparison[comparison["protocol"] == protocol].sort_values(["selected", "accuracy"])
    return rows.to_dict("records")[-1]


def how_chosen(row: dict[Any, Any]) -> str:
    """Say in a few words what made a row the selected one."""
    metric = row.get("selected_by")
    if metric == NAMED:
        return "named by promotion.technique"
    return f"chosen on the dev split by {NAMES.get(metric, 'accuracy')}"


def advice(rows: pd.DataFrame, chosen: dict[Any, Any]) -> str | None:
    """Advise to choose by macro F1 where saying the most frequent class alone is right more often than the best.

    ``rows`` are the results of one protocol, ``chosen`` is one of them; None where there is nothing to advise.
    """
    majority = rows[rows["technique"] == MAJORITY].to_dict("records")
    if not majority or chosen["technique"] == MAJORITY or chosen.get("selected_by") == "macro_f1":
        return None
    for name, posts in (("accuracy", "the test posts"), ("dev_accuracy", "the dev split")):
        always, best = majority[0].get(name), chosen.get(name)
        if not pd.isna(always) and not pd.isna(best) and always > best:
            return (
                f"The classes are unequal: to give every post the most frequent label is right more often on {posts} "
                f"({always:.4f}) than {chosen['technique']} ({best:.4f}), and says nothing. Choose by macro F1, which "
                "counts each class alike: --params=promotion.metric=macro_f1"
            )
    return None
