"""Accuracy without the leak against what it costs: the frontier, and which technique to take for which need.

The choice is made on the dev split, so that the accuracy on the test posts is not flattered by it.
"""

from typing import Any

import pandas as pd

from tweet_sentiment.reports.choice import how_chosen
from tweet_sentiment.reports.tables import COSTS, FEWER, Rows, amount, points, with_interval
from tweet_sentiment.scoring.comparison import BETTER, NOT_SHOWN, WORSE, against

PROTOCOL = "leak_free"
NEEDS = {
    "trainable_parameters": "Fewest trained parameters",
    "seconds": "Shortest training",
    "ms_per_post": "Fastest predictions",
}
COLUMNS = ["technique", "dev_accuracy", "accuracy", "accuracy_low", "accuracy_high", "n_train", *COSTS]
COLUMNS += ["device", "dtype", "selected_by"]
CHOSEN, NOT_TESTED = "chosen", "not tested"
STANDINGS = {  # how the others stand to the chosen one
    BETTER: "Better by a test",
    NOT_SHOWN: "Not shown to differ from it",
    WORSE: "Worse by a test",
    NOT_TESTED: "Not tested against it",
}
ALIKE = {"seconds": 1.25, "ms_per_post": 1.25}  # a time this many times the lowest may be the machine's load


def frontier_table(comparison: pd.DataFrame, differences: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return the measured techniques under ``leak_free``, the highest accuracy first.

    ``difference`` with its interval and ``p_adjusted`` is to the selected row of the comparison, which is chosen on
    the dev split; ``stands`` is ``CHOSEN`` for that row, one of ``STANDINGS`` for the others: the verdict of
    ``scoring.comparison.against``. ``on_frontier`` names the costs for which no other technique is as accurate for
    less. ``differences`` is of ``scoring.comparison.compare_pairs``.
    """
    rows = comparison[(comparison["protocol"] == PROTOCOL) & comparison["measured"].eq(True)]
    rows = rows.sort_values("accuracy", ascending=False, kind="stable").reset_index(drop=True)
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
    """Tell whether no technique is as accurate for less, or more accurate for as much."""
    if pd.isna(row[cost]):
        return False
    no_worse = (table["accuracy"] >= row["accuracy"]) & (table[cost] <= row[cost])
    better = (table["accuracy"] > row["accuracy"]) | (table[cost] < row[cost])
    return not bool((no_worse & better).any())


def chosen_row(table: pd.DataFrame) -> dict[Any, Any] | None:
    """Return the row of the chosen technique; None where none was chosen."""
    return next(iter(table[table["stands"] == CHOSEN].to_dict("records")), None)


def cheapest(table: pd.DataFrame, cost: str) -> dict[Any, Any] | None:
    """Return the row of the cheapest technique that is not shown to be worse than the chosen one; None without any.

    Nor is one taken whose interval lies below it. Of those that cost the same, times within ``ALIKE`` of the lowest
    included, the one that is best on the dev split.
    """
    able = table["stands"].isin([BETTER, NOT_SHOWN]) & (table["difference_high"] >= 0)
    candidates = table[able | (table["stands"] == CHOSEN)].dropna(subset=[cost])
    near = candidates[candidates[cost] <= ALIKE.get(cost, 1.0) * candidates[cost].min()]
    ordered = near.sort_values(["dev_accuracy", cost], ascending=[False, True], kind="stable")
    return next(iter(ordered.to_dict("records")), None)


def standings(table: pd.DataFrame) -> list[str]:
    """Say which technique is the chosen one, and how the others stand to it by the tests."""
    if (best := chosen_row(table)) is None:
        return ["No technique was measured on the dev split, so none is chosen."] if len(table) else []
    dev = "" if pd.isna(best["dev_accuracy"]) else f" and {best['dev_accuracy']:.4f} on the dev split"
    how, others = how_chosen(best), table.groupby("stands")["technique"].agg(", ".join)
    said = (
        f"{how[0].upper()}{how[1:]}: {best['technique']}, with an accuracy of {with_interval(best)} on the test posts"
    )
    return [f"{said}{dev}." + "".join(f" {words}: {others[one]}." for one, words in STANDINGS.items() if one in others)]


def needs(table: pd.DataFrame) -> list[tuple[list[str], Rows]]:
    """Return header and rows of which technique to take for which need: of those not shown to be worse, the cheapest.

    An empty list where none is chosen.
    """
    if (best := chosen_row(table)) is None:
        return []
    header, rows = ["need", "take", "it costs", f"{best['technique']} costs", "its accuracy beside that"], []
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
    """Say what the choice must not be read as."""
    fewer = table[(table["n_train"] > 0) & (table["n_train"] < FEWER * table["n_train"].max())]
    trained = ", ".join(f"{name} ({n:,.0f})" for name, n in zip(fewer["technique"], fewer["n_train"], strict=True))
    devices = sorted({f"{device} {dtype}" for device, dtype in table[["device", "dtype"]].dropna().to_numpy()})
    alike = "Where no difference is shown there may still be one: the interval says how large."
    said = [alike] if (table["stands"] == NOT_SHOWN).any() else []
    said += [f"Trained on fewer posts than the others, so more may be had of them: {trained}."] if trained else []
    if len(devices) > 1:
        said.append(f"Times are of {', '.join(devices)}: compare them only where these are the same.")
    return said
