"""Tests of whether one technique is better than another, from pairs of tables of predictions for the same rows."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from tweet_sentiment.scoring.metrics import Floats
from tweet_sentiment.scoring.uncertainty import Integers, percentile_interval, resampled_sums, right_of, sums_by_tweet

COLUMNS = ["first", "second", "difference", "low", "high", "test", "p_value", "p_adjusted", "better"]
_AGAINST = dict.fromkeys(("difference", "low", "high", "p_value", "p_adjusted"), "float64")
_AGAINST |= {"test": "str", "verdict": "str"}
BETTER, WORSE, NOT_SHOWN = "better", "worse", "no difference is shown"
DIFFERENCE_ENDS = ("difference_low", "difference_high")  # where a row holds more than a difference
_SAME = ["row", "id", "label"]
_SMALLEST_SHOWN = 0.001


def compare_pairs(tables: dict[str, pd.DataFrame], *, resamples: int, level: float, seed: int) -> pd.DataFrame:
    """Compare the accuracy of each pair of techniques: one row per pair, columns ``COLUMNS``.

    ``p_adjusted`` is Holm's over all pairs. ``better`` names the better technique, or is "" if ``verdict`` shows no
    difference. Intervals are for the pair alone, not adjusted.

    Raises:
        ValueError: the tables are not about the same rows, ids and labels, or hold a row twice.
    """
    pairs = [
        {"first": a, "second": b} | paired_difference(tables[a], tables[b], resamples=resamples, level=level, seed=seed)
        for a, b in combinations(tables, 2)
    ]
    compared = pd.DataFrame(pairs, columns=COLUMNS)
    if compared.empty:
        return compared
    compared["p_adjusted"] = holm(compared["p_value"].to_numpy())
    better = {BETTER: compared["first"], WORSE: compared["second"]}
    found = verdicts(compared, level)
    return compared.assign(better=[better[one][i] if one in better else "" for i, one in enumerate(found)])


def against(reference: str, differences: pd.DataFrame, level: float) -> pd.DataFrame:
    """Compare each technique with ``reference``: one row per technique, with the columns of its pair and ``verdict``.

    ``differences`` is the result of ``compare_pairs``, so that a pair has the same verdict everywhere. A difference
    is the technique's accuracy minus that of ``reference``.
    """
    pairs = differences.reindex(columns=COLUMNS)
    mine = pairs[pairs["first"].eq(reference) | pairs["second"].eq(reference)]
    turned = mine["first"].eq(reference)
    other, sign = mine["first"].mask(turned, mine["second"]), np.where(turned, -1, 1)
    ends = {"low": mine["low"].mask(turned, mine["high"]), "high": mine["high"].mask(turned, mine["low"])}
    figures = {"difference": mine["difference"], **ends}
    table = mine.assign(**{name: sign * of.astype("float64") + 0.0 for name, of in figures.items()})  # 0.0, not -0.0
    return table.assign(verdict=verdicts(table, level)).set_index(other)[list(_AGAINST)].astype(_AGAINST)


def verdict(low: float, high: float, p_adjusted: float, level: float) -> str:
    """Return whether the first of a pair is ``BETTER`` or ``WORSE``, or ``NOT_SHOWN``: the one rule for differences.

    ``low`` and ``high`` are the paired interval. It must exclude 0, and the adjusted p-value must be below
    1 - ``level``; NaN means not tested.
    """
    if not p_adjusted < round(1 - level, 12) or low <= 0 <= high:
        return NOT_SHOWN
    return BETTER if low > 0 else WORSE


def verdicts(table: pd.DataFrame, level: float, low: str = "low", high: str = "high") -> list[str]:
    """Return the verdict on each row, from these columns and ``p_adjusted``."""
    return [verdict(*row, level) for row in zip(table[low], table[high], table["p_adjusted"], strict=True)]


def holm(p_values: Floats) -> Floats:
    """Return Holm's adjusted p-values, shape (n,); NaN means not tested: it stays NaN and is not counted.

    The chance to call any equally good pair different is then at most the level of the test. Source: S. Holm,
    "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979, 65-70.
    """
    from statsmodels.stats.multitest import multipletests

    adjusted, asked = np.full(len(p_values), np.nan), ~np.isnan(p_values)
    if asked.any():
        adjusted[asked] = multipletests(p_values[asked], method="holm")[1]
    return adjusted


def p_words(p_value: float) -> str:
    """Return a p-value as text: "0.045", or "< 0.001"."""
    return f"< {_SMALLEST_SHOWN}" if p_value < _SMALLEST_SHOWN else f"{p_value:.3f}"


def paired_difference(
    first: pd.DataFrame, second: pd.DataFrame, *, resamples: int, level: float, seed: int
) -> dict[str, Any]:
    """Return accuracy of ``first`` minus that of ``second``, its interval by tweet ids, the test's name and p-value.

    The interval resamples tweets with all their rows. The test is ``sign_flip_p``, also by tweets.

    Raises:
        ValueError: the tables are not about the same rows, ids and labels, or hold a row twice.
        StudyError: there are fewer than two tweets.
    """
    first, second = (table.sort_values("row", ignore_index=True) for table in (first, second))
    same = len(first) == len(second) and (first[_SAME].to_numpy() == second[_SAME].to_numpy()).all()
    if not same or first["row"].duplicated().any():
        raise ValueError(
            f"the tables of predictions ({len(first)} and {len(second)} rows) must be about the same rows, ids and "
            "labels, each row once: predict with both techniques under one protocol"
        )
    apart = right_of(first).astype(np.int64) - right_of(second)
    per_tweet = sums_by_tweet(first, np.stack([apart, np.ones_like(apart)], axis=1))
    sums = resampled_sums(per_tweet, resamples, seed)
    low, high = percentile_interval(sums[:, 0] / sums[:, 1], level)
    once = len(per_tweet) == len(first)
    return {
        "difference": float(apart.mean()),
        "low": low,
        "high": high,
        "test": "McNemar exact" if once else "sign flips by group, exact",
        "p_value": sign_flip_p(per_tweet[:, 0]),
    }


def sign_flip_p(differences: Integers) -> float:
    """Return the two-sided p-value of the hypothesis that each tweet's difference may have either sign.

    ``differences`` has shape (tweets,): the rows of a tweet that the first technique has right, minus those of the
    second. The p-value is the share of all 2 ** n ways to flip signs whose sum is as far from 0 as the one that was
    found, or farther. It is exact, so it has no floor of a number of resamples; where each tweet has one row it is
    McNemar's exact test. Sources: R. A. Fisher, "The Design of Experiments", 1935, section 21; Q. McNemar,
    Psychometrika 12, 1947, 153-157.
    """
    from scipy.stats import binom

    sizes, tweets = np.unique(np.abs(differences[differences != 0]), return_counts=True)
    if not len(sizes) or not differences.sum():
        return 1.0
    order = np.argsort(-tweets * sizes)  # the longest first: what follows is one addition a tweet of the others
    chances = np.zeros(1)
    chances[0] = 1.0  # chances[k]: that the differences with a positive sign add up to k
    for size, n in zip(sizes[order], tweets[order], strict=True):
        longer = np.zeros(len(chances) + size * n)
        for positive, chance in enumerate(binom.pmf(np.arange(n + 1), n, 0.5)):
            longer[size * positive :][: len(chances)] += chance * chances
        chances = longer
    half = (len(chances) - 1 + abs(int(differences.sum()))) // 2
    return float(np.clip(2 * chances[half:].sum(), np.finfo(np.float64).tiny, 1.0))
