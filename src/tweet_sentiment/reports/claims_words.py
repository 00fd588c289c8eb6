"""The answers to the paper's claims, in words."""

from typing import Any

import pandas as pd

from tweet_sentiment.reports.claims import APART, CLAIMS, NOT_RUN, PROTOCOLS, SUPPORTED, answer
from tweet_sentiment.scoring.comparison import p_words

MEASURES = {
    "trainable_parameters": "trained parameters",
    "seconds": "seconds of training",
    "ms_per_post": "milliseconds a post",
}


def answers(table: pd.DataFrame, level: float) -> list[str]:
    """Say for each claim, under each protocol, the verdict and the figures that it rests on."""
    return [_reading(level), *(_claim(claim, table[table["claim"] == claim]) for claim in CLAIMS)]


def _reading(level: float) -> str:
    times = f"{APART['seconds']:g} times (training) and {APART['ms_per_post']:g} times (a post)"
    return (
        f"supported or contradicted stands only where the paired interval ({level:.0%}, tweet ids resampled) leaves "
        "out 0 and Holm's p-value, over all pairs of techniques or ways of cleaning, is below "
        f"{1 - level:.2g}; elsewhere nothing is shown, which is not to say that nothing is there. Of a claim with "
        "several comparisons all must support it, and one contradicts it. Each technique counts as it was run here, "
        "once, on this encoder. Times count as different "
        f"from {times} on. published is the paper's protocol: its figures measure memory as well."
    )


def _claim(claim: str, rows: pd.DataFrame) -> str:
    said = [_under(protocol, rows[rows["protocol"] == protocol].to_dict("records")) for protocol in PROTOCOLS]
    return f"{claim}. {' '.join(said)}"


def _under(protocol: str, rows: list[dict[Any, Any]]) -> str:
    verdict = answer([row["verdict"] for row in rows])
    if verdict == NOT_RUN:
        return f"{protocol}: {NOT_RUN}."
    support = sum(row["verdict"] == SUPPORTED for row in rows)
    part = f" ({support} of {len(rows)} comparisons support it)" if len(rows) > 1 else ""
    return f"{protocol}: {verdict}{part}: {'; '.join(_evidence(row) for row in rows)}."


def _evidence(row: dict[Any, Any]) -> str:
    pair = f"{row['first']} against {row['second']}"
    if row["verdict"] == NOT_RUN:
        return f"{pair} {NOT_RUN}"
    note = f", {row['note']}" if isinstance(row["note"], str) and row["note"] else ""
    if row["measure"] != "accuracy":
        values = f"{_number(row['first_value'])} to {_number(row['second_value'])} {MEASURES[row['measure']]}"
        return f"{pair} {values} ({row['verdict']}{note})"
    low, high = 100 * row["low"], 100 * row["high"]
    points = (
        f"{100 * row['difference']:+.1f} points ({low:+.1f} to {high:+.1f}, adjusted p {p_words(row['p_adjusted'])})"
    )
    return f"{pair} {points} ({row['verdict']}{note})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
