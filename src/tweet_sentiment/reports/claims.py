"""What the paper claims, asked of the figures: one row a comparison, and no verdict beyond what its interval allows."""

from typing import Any

import pandas as pd

from tweet_sentiment.reports.tables import COSTS, FEWER, Rows, amount, paragraphs, points
from tweet_sentiment.scoring.comparison import NOT_SHOWN, WORSE, against, p_words, verdict

PROTOCOLS = ("leak_free", "published")
SUPPORTED, CONTRADICTED, UNDECIDED, NOT_RUN = "supported", "contradicted", "not shown", "not run"
BEST, CHEAPEST = "Prompt tuning is the most accurate", "Prompt tuning demands the least"
PAIRS = [  # claim, technique that is claimed to be right more often, the other
    ("Unfreezing layers is better than the baseline", "layer_unfreezing", "baseline"),
    ("Searching hyperparameters is better than the defaults", "hyperparameter_search", "layer_unfreezing"),
    *((BEST, "prompt_tuning", other) for other in ("baseline", "layer_unfreezing", "hyperparameter_search")),
]
TRAINED = ("layer_unfreezing", "hyperparameter_search")  # what prompt tuning is cheaper than, if the claim holds
APART = {"trainable_parameters": 1.0, "seconds": 2.0, "ms_per_post": 1.25}  # a loaded machine is no difference
STEPS = {("kept", "yes"): "Lemmatisation hurts", ("removed", "no"): "Removing stop words hurts"}
CLAIMS = list(dict.fromkeys([*(claim for claim, _, _ in PAIRS), CHEAPEST, *STEPS.values()]))
COLUMNS = ["claim", "protocol", "measure", "first", "second", "first_value", "second_value", "first_n_train"]
COLUMNS += ["second_n_train", "difference", "low", "high", "test", "p_value", "p_adjusted", "verdict", "note"]

Row = dict[str, Any]


def claims_table(
    comparison: pd.DataFrame, differences: dict[str, pd.DataFrame], ablations: dict[str, pd.DataFrame], level: float
) -> pd.DataFrame:
    """Return one row a comparison that a claim rests on, under each of ``PROTOCOLS``; columns ``COLUMNS``.

    A claim is that ``first`` is better: ``difference`` is its accuracy less that of ``second``, interval and p-values
    are those of the table that it comes from. Costs have no interval. ``differences`` and ``ablations``
    (``preprocessing_ablation``'s tables) are by protocol.
    """
    rows = []
    for protocol in PROTOCOLS:
        mine = comparison[(comparison["protocol"] == protocol) & comparison["measured"].eq(True)]
        known = {str(row["technique"]): {str(k): v for k, v in row.items()} for row in mine.to_dict("records")}
        tested = differences.get(protocol, pd.DataFrame())
        asked = [_pair(*one, known, tested, level) for one in PAIRS]
        asked += _cleaning(ablations.get(protocol, pd.DataFrame()))
        asked = [row | dict(zip(("verdict", "note"), accuracy_verdict(row, level), strict=True)) for row in asked]
        asked += [_cost(cost, other, known) for cost in APART for other in TRAINED]
        rows += [row | {"protocol": protocol} for row in asked]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values("claim", key=lambda c: c.map(CLAIMS.index), kind="stable").reset_index(drop=True)


def _pair(claim: str, first: str, second: str, known: dict[str, Row], differences: pd.DataFrame, level: float) -> Row:
    row: Row = {"claim": claim, "measure": "accuracy", "first": first, "second": second}
    tested = against(second, differences, level)
    if first in tested.index and {first, second} <= set(known):
        row |= {name: tested.at[first, name] for name in ("difference", "low", "high", "test", "p_value", "p_adjusted")}
    return row | _of_both("accuracy", first, second, known)


def _of_both(measure: str, first: str, second: str, known: dict[str, Row]) -> Row:
    return {
        f"{place}_{what}": known.get(name, {}).get(column)
        for place, name in (("first", first), ("second", second))
        for what, column in (("value", measure), ("n_train", "n_train"))
    }


def _cleaning(ablation: pd.DataFrame) -> list[Row]:
    """Return a row for each step and way of cleaning: without the step is claimed to be better than with it."""
    ways = {str(row["variant"]): row for row in ablation.to_dict("records")}
    rows: list[Row] = []
    for name, way in ways.items():
        if claim := STEPS.get((way["stop_words"], way["lemmas"])):
            plain = ways[way["reference"]]
            row = {"claim": claim, "measure": "accuracy", "first": way["reference"], "second": name}
            row |= {"first_value": plain["accuracy"], "second_value": way["accuracy"]}
            row |= {"first_n_train": plain["n_train"], "second_n_train": way["n_train"]}
            row |= {key: way[key] for key in ("test", "p_value", "p_adjusted")}
            ends = {"difference": "difference", "low": "difference_high", "high": "difference_low"}
            rows.append(row | {key: -way[column] + 0.0 for key, column in ends.items()})  # 0.0 rather than -0.0
    missing = [claim for claim in STEPS.values() if claim not in {row["claim"] for row in rows}]
    return rows + [{"claim": claim, "measure": "accuracy", "first": "without", "second": "with"} for claim in missing]


def accuracy_verdict(row: Row, level: float) -> tuple[str, str]:
    """Return the verdict on "first is right more often", and why it is not more.

    Where one of two that are trained learnt from fewer posts, only what holds in spite of it is said.
    """
    if "p_adjusted" not in row:
        return NOT_RUN, ""
    found = verdict(row["low"], row["high"], row["p_adjusted"], level)
    if found == NOT_SHOWN:
        return UNDECIDED, ""
    answered, loser = (CONTRADICTED, "first") if found == WORSE else (SUPPORTED, "second")
    if _learnt_less(row, loser):
        return UNDECIDED, f"{row[loser]} learnt from fewer posts"
    return answered, ""


def _learnt_less(row: Row, place: str) -> bool:
    other = "second" if place == "first" else "first"
    mine, its = row[f"{place}_n_train"], row[f"{other}_n_train"]
    return bool(0 < mine < FEWER * its)


def _cost(cost: str, other: str, known: dict[str, Row]) -> Row:
    first = "prompt_tuning"
    row: Row = {"claim": CHEAPEST, "measure": cost, "first": first, "second": other}
    row |= _of_both(cost, first, other, known)
    if pd.isna(row["first_value"]) or pd.isna(row["second_value"]):
        return row | {"verdict": NOT_RUN, "note": ""}
    alike = all(known[first].get(key) == known[other].get(key) for key in ("device", "dtype"))
    answered, note = cost_verdict(row, alike)
    return row | {"verdict": answered, "note": note}


def cost_verdict(row: Row, alike: bool) -> tuple[str, str]:
    """Return the verdict on "first costs less", and why it is not more; ``alike``: both on one device and dtype.

    Times must lie apart by the factor of ``APART``, and a training is not called cheap for having had fewer posts.
    """
    cost, mine, other = row["measure"], row["first_value"], row["second_value"]
    if cost != "trainable_parameters" and not alike:
        return UNDECIDED, "measured on different devices"
    if mine == other or max(mine, other) < APART[cost] * min(mine, other):
        return UNDECIDED, "too near to each other"
    answered, winner = (SUPPORTED, "first") if mine < other else (CONTRADICTED, "second")
    if cost == "seconds" and _learnt_less(row, winner):
        return UNDECIDED, f"{row[winner]} learnt from fewer posts"
    return answered, ""


def answer(verdicts: list[str]) -> str:
    """Return a claim's verdict: all its comparisons must support it, and a single one contradicts it."""
    if CONTRADICTED in verdicts:
        return CONTRADICTED
    if set(verdicts) == {SUPPORTED}:
        return SUPPORTED
    return NOT_RUN if set(verdicts) <= {NOT_RUN} else UNDECIDED


def reading(level: float) -> list[str]:
    """Say what the verdicts mean."""
    return paragraphs("reading", level=level, apart=APART)


def verdicts(table: pd.DataFrame) -> tuple[list[str], Rows]:
    """Return header and rows of the verdict on each claim under each protocol."""
    asked = table.groupby(["claim", "protocol"])["verdict"].agg(list)
    rows = [[claim, *(_verdict(asked.get((claim, one), [NOT_RUN])) for one in PROTOCOLS)] for claim in CLAIMS]
    return ["claim", *PROTOCOLS], rows


def _verdict(found: list[str]) -> str:
    said = answer(found)
    many = said != NOT_RUN and len(found) > 1
    return f"{said} ({found.count(SUPPORTED)} of {len(found)} comparisons support it)" if many else said


def evidence(table: pd.DataFrame) -> tuple[list[str], Rows]:
    """Return header and rows of the comparisons that were run: their figures, and the verdict on each."""
    rows = []
    for row in table[table["verdict"] != NOT_RUN].to_dict("records"):
        if row["measure"] in COSTS:
            figures = f"{amount(row['first_value'])} to {amount(row['second_value'])} {COSTS[row['measure']]}"
        else:
            figures = f"{points(row)}, adjusted p {p_words(row['p_adjusted'])}"
        note = f", {row['note']}" if isinstance(row["note"], str) and row["note"] else ""
        pair = f"{row['first']} against {row['second']}"
        rows.append([row["claim"], row["protocol"], pair, figures, f"{row['verdict']}{note}"])
    return ["claim", "protocol", "compared", "figures", "verdict"], rows
