"""Which technique to take: the best on the dev split, and the cheapest that is not shown to be worse.

Comparison, report, card and promotion use one rule. The choice is made on the dev split, so that it does not bias the
accuracy on the test posts.
"""

import logging
from typing import Any

import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import PromotionParameters, Study
from tweet_sentiment.reports.tables import (
    COSTS,
    FEWER,
    HONEST,
    Rows,
    amount,
    name_of,
    paragraphs,
    points,
    run_of,
    with_interval,
)
from tweet_sentiment.scoring.comparison import BETTER, NOT_SHOWN, WORSE, against
from tweet_sentiment.techniques import TECHNIQUES, YARDSTICKS

logger = logging.getLogger(__name__)

MAJORITY = "majority_class"
CLASSICAL = [name for name, one in TECHNIQUES.items() if one.classical]  # in fp64 wherever they run
TAUGHT = [name for name, one in TECHNIQUES.items() if "soft_labels" in one.extra]
LOWER_IS_BETTER = ("eval_loss",)
NAMED = "promotion.technique"  # in selected_by, if no figure was used
NAMES: dict[Any, str] = {"accuracy": "accuracy", "macro_f1": "macro F1", "eval_loss": "loss"}
PROTOCOL = "leak_free"
NEEDS = {
    "trainable_parameters": "Fewest trained parameters",
    "seconds": "Shortest training",
    "ms_per_post": "Fastest predictions",
}
COLUMNS = ["technique", "encoder", "dev_accuracy", "accuracy", "accuracy_low", "accuracy_high", "n_train", *COSTS]
COLUMNS += ["device", "dtype", "selected_by"]
CHOSEN, NOT_TESTED = "chosen", "not tested"
STANDINGS = {  # how the other techniques compare with the chosen one
    BETTER: "Better by a test",
    NOT_SHOWN: "Not shown to differ from it",
    WORSE: "Worse by a test",
    NOT_TESTED: "Not tested against it",
}
TOLERATED = 0.1  # of accuracy: what a simpler or cheaper technique may lose, by the interval of the difference
UNEQUAL = 1.2  # times an even share: the most frequent label of classes that are far from equal
ALIKE = {"seconds": 1.25, "ms_per_post": 1.25}  # a time this many times the lowest may be the machine's load


def select(results: pd.DataFrame, study: Study, rule: PromotionParameters) -> pd.DataFrame:
    """Mark the best technique in ``selected``, and say in ``selected_by`` why: a metric, or ``promotion.technique``.

    The best technique is chosen by ``promotion.metric`` on the dev split, without the test posts. Of equal ones a
    classical one is taken, as it is simpler, or else the first. If nothing was measured on a dev split (the published
    protocol), nothing is selected.

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
        lacking = [name for name in results["technique"] if name not in (*known, *YARDSTICKS) and not run_of(name)]
        if known and lacking:
            logger.warning("Not considered, since they have no %s on the dev split: %s.", why, ", ".join(lacking))
    selected = results["technique"].eq(best or "")
    return results.assign(selected=selected, selected_by=selected.map({True: why, False: None}))


def candidates(results: pd.DataFrame, metric: str) -> dict[str, float]:
    """Return the figure that decides, by technique of this run, the best first; of equal ones a classical one."""
    rows: dict[str, Any] = dict(zip(results["technique"], results[f"dev_{metric}"], strict=True))
    known = {str(name): float(v) for name, v in rows.items() if not (name in YARDSTICKS or pd.isna(v) or run_of(name))}
    sign = 1 if metric in LOWER_IS_BETTER else -1
    return dict(sorted(known.items(), key=lambda item: (sign * item[1], item[0] not in CLASSICAL)))


def best_of(comparison: pd.DataFrame) -> dict[Any, Any]:
    """Return the chosen row of the first protocol without the leak; its most accurate row if none was chosen."""
    ran = set(comparison["protocol"])
    protocol = next((name for name in HONEST if name in ran), comparison["protocol"].iloc[0])
    rows = comparison[comparison["protocol"] == protocol].sort_values(["selected", "accuracy"])
    return rows.to_dict("records")[-1]


def how_chosen(row: dict[Any, Any]) -> str:
    """Say in a few words why a row was selected."""
    metric = row.get("selected_by")
    if metric == NAMED:
        return "named by promotion.technique"
    return f"chosen on the dev split by {NAMES.get(metric, 'accuracy')}"


def advice(rows: pd.DataFrame, chosen: dict[Any, Any]) -> str | None:
    """Say that the chosen technique is right no more often than the most frequent label, and what may help.

    ``rows`` are the results of one protocol, ``chosen`` is one of them; None if there is nothing to advise.
    """
    majority = rows[rows["technique"] == MAJORITY].to_dict("records")
    if not majority or chosen["technique"] == MAJORITY or chosen.get("selected_by") == "macro_f1":
        return None
    for name, posts in (("accuracy", "the test posts"), ("dev_accuracy", "the dev split")):
        always, best = majority[0].get(name), chosen.get(name)
        if not pd.isna(always) and not pd.isna(best) and always >= best:
            share, macro_f1 = majority[0]["accuracy"], majority[0]["macro_f1"]
            labels = 2 * share / ((1 + share) * macro_f1)  # of one answer for all, F1 is 0 for every other label
            known = {"posts": posts, "always": always, "technique": chosen["technique"], "best": best}
            known |= {"named": chosen.get("selected_by") == NAMED}
            return paragraphs("advice", **known, unequal=share * labels > UNEQUAL)[0]
    return None


# ---------------------------------------------------------------- accuracy and cost
def frontier_table(comparison: pd.DataFrame, differences: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return the measured techniques under ``leak_free``, the highest accuracy first.

    ``difference``, its interval and ``p_adjusted`` compare a row with the selected row. ``stands`` is ``CHOSEN`` for
    the selected row, and one of ``STANDINGS`` for the others: the verdict of ``scoring.comparison.against``.
    Distillation has no ``seconds``: those of its teachers are not known. ``on_frontier`` names the costs for which no
    other technique is as accurate for less. ``differences`` is the result of ``scoring.comparison.compare_pairs``.
    """
    rows = comparison[(comparison["protocol"] == PROTOCOL) & comparison["measured"].eq(True)]
    rows = rows.sort_values("accuracy", ascending=False, kind="stable").reset_index(drop=True)
    taught = rows["technique"].map(name_of).isin(TAUGHT)
    rows["seconds"] = rows["seconds"].mask(taught)  # its teachers' trainings are not in them
    chosen = next(iter(rows.loc[rows["selected"].eq(True), "technique"]), "")
    names = {"low": "difference_low", "high": "difference_high", "p_adjusted": "p_adjusted", "verdict": "stands"}
    tested = against(chosen, differences, level)[["difference", *names]].rename(columns=names)
    compared = tested.reindex(rows["technique"]).reset_index(drop=True)
    compared["stands"] = compared["stands"].fillna(NOT_TESTED).mask(rows["technique"] == chosen, CHOSEN)
    frontier = [
        ", ".join(words for cost, words in COSTS.items() if _undominated(row, cost, rows)) or "no"
        for row in rows.to_dict("records")
    ]
    return rows[COLUMNS].join(compared).assign(on_frontier=pd.Series(frontier, index=rows.index, dtype="str"))


def _undominated(row: dict[Any, Any], cost: str, table: pd.DataFrame) -> bool:
    if pd.isna(row[cost]):
        return False
    no_worse = (table["accuracy"] >= row["accuracy"]) & (table[cost] <= row[cost])
    better = (table["accuracy"] > row["accuracy"]) | (table[cost] < row[cost])
    return not bool((no_worse & better).any())


def chosen_row(table: pd.DataFrame) -> dict[Any, Any] | None:
    """Return the row of the chosen technique; None if none was chosen."""
    return next(iter(table[table["stands"] == CHOSEN].to_dict("records")), None)


def cheapest(table: pd.DataFrame, cost: str) -> dict[Any, Any] | None:
    """Return the row of the cheapest technique that is not shown to be worse than the chosen one; None without any.

    ``YARDSTICKS`` are not taken, nor a technique whose interval is below the chosen one, or leaves open that it is
    worse by more than ``TOLERATED``. Of equal costs (for times:
    within ``ALIKE`` of the lowest) the best technique on the dev split is taken.
    """
    able = table["stands"].isin([BETTER, NOT_SHOWN]) & (table["difference_high"] >= 0)
    able &= table["difference_low"] >= -TOLERATED
    able &= ~table["technique"].isin(YARDSTICKS)
    candidates = table[able | (table["stands"] == CHOSEN)].dropna(subset=[cost])
    near = candidates[candidates[cost] <= ALIKE.get(cost, 1.0) * candidates[cost].min()]
    ordered = near.sort_values(["dev_accuracy", cost], ascending=[False, True], kind="stable")
    return next(iter(ordered.to_dict("records")), None)


def standings(table: pd.DataFrame) -> list[str]:
    """Say which technique is chosen, and how the others compare with it by the tests."""
    best, names = chosen_row(table), table.groupby("stands")["technique"].agg(", ".join)
    known: dict[str, Any] = {"others": [(words, names[one]) for one, words in STANDINGS.items() if one in names]}
    if best:
        known |= {"how": how_chosen(best), "accuracy": with_interval(best), "measured": pd.notna(best["dev_accuracy"])}
    return paragraphs("standings", best=best, rows=len(table), **known)


def needs(table: pd.DataFrame) -> list[tuple[list[str], Rows]]:
    """Return header and rows of the technique for each need: the cheapest of those not shown to be worse.

    The list is empty if none is chosen.
    """
    if (best := chosen_row(table)) is None:
        return []
    header, rows = ["need", "take", "it costs", f"{best['technique']} costs", "difference in accuracy"], []
    for cost, need in NEEDS.items():
        row = cheapest(table, cost)
        if row is None:
            rows.append([need, "–", f"{COSTS[cost]} were not measured", "–", "–"])
            continue
        apart = "it is the chosen one"
        if row["technique"] != best["technique"]:
            verdict = f"{BETTER} by a test" if row["stands"] == BETTER else NOT_SHOWN
            apart = f"{points(row, 'difference_low', 'difference_high')}: {verdict}"
        theirs = amount(best[cost]) if pd.notna(best[cost]) else "–"
        rows.append([need, row["technique"], f"{amount(row[cost])} {COSTS[cost]}", theirs, apart])
    return [(header, rows)]


def cautions(table: pd.DataFrame) -> list[str]:
    """Say how the choice must not be misread."""
    fewer = table[(table["n_train"] > 0) & (table["n_train"] < FEWER * table["n_train"].max())]
    trained = [f"{name} ({n:,.0f})" for name, n in zip(fewer["technique"], fewer["n_train"], strict=True)]
    timed = table[~table["technique"].isin(CLASSICAL)][["device", "dtype"]].dropna()
    devices = sorted({f"{device} {dtype}" for device, dtype in timed.to_numpy()})
    best, others = chosen_row(table), table[table["technique"].map(run_of).ne("")]
    better = others[others["dev_accuracy"] > best["dev_accuracy"]]["technique"] if best else ()
    return paragraphs(
        "cautions",
        fewer=trained,
        devices=devices,
        undecided=(table["stands"] == NOT_SHOWN).any(),
        elsewhere={name: run_of(name) for name in better},
    )
