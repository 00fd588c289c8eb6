"""Accuracy without the leak against what it costs: the frontier, and which technique to take for which need."""

from typing import Any

import pandas as pd

from tweet_sentiment.reports.tables import FEWER, interval

PROTOCOL = "leak_free"
COSTS = {
    "trainable_parameters": "trained parameters",
    "seconds": "seconds of training",
    "milliseconds_a_post": "milliseconds a post",
}
NEEDS = {
    "trainable_parameters": "Little to train and to keep",
    "seconds": "Trained soon",
    "milliseconds_a_post": "Answers fast",
}
COLUMNS = ["technique", "accuracy", "accuracy_low", "accuracy_high", "n_train", *COSTS, "device", "arithmetic"]
AGAINST_BEST = ["difference", "difference_low", "difference_high", "p_adjusted"]
ALIKE = {"seconds": 1.25, "milliseconds_a_post": 1.25}  # a time this many times the lowest may be the machine's load


def frontier_table(comparison: pd.DataFrame, differences: pd.DataFrame) -> pd.DataFrame:
    """Return the measured techniques under ``leak_free``, the best first.

    ``difference`` with its interval and ``p_adjusted`` is to the best one. ``worse``: "yes" where the test, corrected
    for all pairs, says so; "likely" where the interval of this pair alone does; "not shown" where neither does; "not
    tested"; or "best". ``on_frontier`` names the costs for which no other technique is as accurate for less.
    ``differences`` is of ``uncertainty.comparison.compare_pairs``.
    """
    rows = comparison[(comparison["protocol"] == PROTOCOL) & comparison["measured"].eq(True)]
    table = rows.sort_values("accuracy", ascending=False, kind="stable")[COLUMNS].reset_index(drop=True)
    best = table["technique"].iloc[0] if len(table) else ""
    against = [_against(name, best, differences) for name in table["technique"]]
    compared = pd.DataFrame(against, columns=[*AGAINST_BEST, "worse"], index=table.index)
    frontier = [
        ", ".join(words for cost, words in COSTS.items() if _undominated(row, cost, table)) or "no"
        for row in table.to_dict("records")
    ]
    return table.join(compared).assign(on_frontier=pd.Series(frontier, index=table.index, dtype="str"))


def _against(technique: str, best: str, differences: pd.DataFrame) -> dict[str, Any]:
    """Return how a technique compares with the best one."""
    if technique == best:
        return {"worse": "best"}
    for row in differences.to_dict("records"):
        if {row["first"], row["second"]} == {technique, best}:
            sign = 1 if row["first"] == technique else -1
            ends = sorted(sign * row[end] + 0.0 for end in ("low", "high"))  # 0.0 rather than -0.0
            found = dict(zip(AGAINST_BEST, (sign * row["difference"] + 0.0, *ends, row["p_adjusted"]), strict=True))
            likely = "likely" if found["difference_high"] < 0 else "not shown"
            return found | {"worse": "yes" if row["better"] == best else likely}
    return {"worse": "not tested"}


def _undominated(row: dict[Any, Any], cost: str, table: pd.DataFrame) -> bool:
    """Tell whether no technique is as accurate for less, or more accurate for as much."""
    if pd.isna(row[cost]):
        return False
    no_worse = (table["accuracy"] >= row["accuracy"]) & (table[cost] <= row[cost])
    better = (table["accuracy"] > row["accuracy"]) | (table[cost] < row[cost])
    return not bool((no_worse & better).any())


def cheapest(table: pd.DataFrame, cost: str) -> dict[str, Any] | None:
    """Return the row of the cheapest technique that is not shown to be worse than the best; None if no cost is known.

    Of those that cost the same, times within ``ALIKE`` of the lowest included, the most accurate one.
    """
    candidates = table[table["worse"].isin(["best", "not shown"])].dropna(subset=[cost])
    if candidates.empty:
        return None
    enough = candidates[candidates[cost] <= ALIKE.get(cost, 1.0) * candidates[cost].min()]
    row = enough.sort_values(["accuracy", cost], ascending=[False, True], kind="stable").iloc[0]
    return {str(name): value for name, value in row.items()}


def recommendations(table: pd.DataFrame) -> list[str]:
    """Say in words which technique to take for which need: of those not shown to differ, the cheapest."""
    if table.empty:
        return []
    best = {str(name): value for name, value in table.iloc[0].items()}
    alike = list(table.loc[table["worse"] == "not shown", "technique"])
    known = f"{best['accuracy']:.4f} ({interval(best['accuracy_low'], best['accuracy_high'])})"
    others = f"Not shown to be worse: {', '.join(alike)}." if alike else "Every other one that was tested is below it."
    said = [f"Right most often: {best['technique']}, {known}. {others}"]
    said += [_for_need(need, cheapest(table, cost), cost, best) for cost, need in NEEDS.items()]
    return [*said, *_cautions(table, alike)]


def _for_need(need: str, row: dict[str, Any] | None, cost: str, best: dict[str, Any]) -> str:
    if row is None:
        return f"{need}: {COSTS[cost]} were not measured."
    take = f"{need}: take {row['technique']}, {_amount(row[cost])} {COSTS[cost]}"
    if row["technique"] == best["technique"]:
        return f"{take}. It is also right most often, and none that is not shown to be worse is cheaper."
    theirs = f"; {best['technique']} has {_amount(best[cost])}" if pd.notna(best[cost]) else ""
    low, high = 100 * row["difference_low"], 100 * row["difference_high"]
    return (
        f"{take}{theirs}. Its accuracy is {100 * row['difference']:+.1f} points from that of {best['technique']} "
        f"({low:+.1f} to {high:+.1f}): no difference is shown, so the cheaper one."
    )


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _cautions(table: pd.DataFrame, alike: list[str]) -> list[str]:
    """Say what the choice must not be read as."""
    fewer = table[(table["n_train"] > 0) & (table["n_train"] < FEWER * table["n_train"].max())]
    trained = ", ".join(f"{name} ({n:,.0f})" for name, n in zip(fewer["technique"], fewer["n_train"], strict=True))
    known = table.dropna(subset=["device", "arithmetic"])
    devices = sorted({f"{row['device']} {row['arithmetic']}" for row in known.to_dict("records")})
    said = ["Not shown to be worse is not the same as alike: the interval says by how much it may be."] if alike else []
    said += [f"Trained on fewer posts than the others, so more may be had of them: {trained}."] if trained else []
    if len(devices) > 1:
        said.append(f"Times are of {', '.join(devices)}: compare them only where these are the same.")
    return said
