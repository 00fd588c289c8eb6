"""Is one technique better than another, or luckier? Pairs of tables of predictions about the same rows."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from tweet_sentiment.uncertainty.bootstrap import Integers, percentile_interval, resampled_sums, tweet_codes

COLUMNS = ["first", "second", "difference", "low", "high", "test", "p_value", "p_adjusted", "better"]
_SAME = ["row", "id", "label"]


def compare_pairs(tables: dict[str, pd.DataFrame], *, resamples: int, level: float, seed: int) -> pd.DataFrame:
    """Compare the accuracy of every two techniques: one row a pair, columns ``COLUMNS``.

    ``p_adjusted`` is Holm's: the chance to call any equally good pair different is at most 1 - ``level`` in all.
    ``better`` names the better technique, or is "" if ``p_adjusted`` is not below 1 - ``level``. Intervals are of the
    pair alone, not adjusted. Source: S. Holm, "A simple sequentially rejective multiple test procedure",
    Scandinavian Journal of Statistics 6, 1979, 65-70.

    Raises:
        ValueError: the tables are not about the same rows, ids and labels, or hold a row twice.
    """
    from statsmodels.stats.multitest import multipletests

    pairs = [
        {"first": a, "second": b} | paired_difference(tables[a], tables[b], resamples=resamples, level=level, seed=seed)
        for a, b in combinations(tables, 2)
    ]
    compared = pd.DataFrame(pairs, columns=COLUMNS)
    if compared.empty:
        return compared
    compared["p_adjusted"] = multipletests(compared["p_value"], method="holm")[1]
    leader = compared["first"].where(compared["difference"] > 0, compared["second"])
    return compared.assign(better=leader.where(compared["p_adjusted"] < 1 - level, ""))


def paired_difference(
    first: pd.DataFrame, second: pd.DataFrame, *, resamples: int, level: float, seed: int
) -> dict[str, Any]:
    """Return accuracy of ``first`` less that of ``second``, its interval by tweet ids, the test's name and p-value.

    McNemar's exact test takes rows for independent, so it is used only where every tweet id occurs once; otherwise
    ids are resampled.

    Raises:
        ValueError: the tables are not about the same rows, ids and labels, or hold a row twice.
        StudyError: there are fewer than two tweets.
    """
    first, second = (table.sort_values("row", ignore_index=True) for table in (first, second))
    _check_same(first, second)
    right, also_right = (_right(table) for table in (first, second))
    tweets = tweet_codes(first)
    per_tweet = np.zeros((int(tweets.max()) + 1, 2), dtype=np.int64)
    np.add.at(per_tweet, tweets, np.stack([right - also_right, np.ones_like(right)], axis=1))
    sums = resampled_sums(per_tweet, resamples, seed)
    low, high = percentile_interval(sums[:, 0] / sums[:, 1], level)
    once = len(per_tweet) == len(first)
    return {
        "difference": float((right - also_right).mean()),
        "low": low,
        "high": high,
        "test": "McNemar exact" if once else "paired bootstrap",
        "p_value": mcnemar_p(right, also_right) if once else bootstrap_p(sums[:, 0]),
    }


def _check_same(first: pd.DataFrame, second: pd.DataFrame) -> None:
    same = len(first) == len(second) and (first[_SAME].to_numpy() == second[_SAME].to_numpy()).all()
    if not same or first["row"].duplicated().any():
        raise ValueError(
            f"the tables of predictions ({len(first)} and {len(second)} rows) must be about the same rows, ids and "
            "labels, each row once: predict with both techniques under one protocol"
        )


def _right(predictions: pd.DataFrame) -> Integers:
    return (predictions["label"] == predictions["predicted"]).to_numpy().astype(np.int64)


def mcnemar_p(right: Integers, also_right: Integers) -> float:
    """Return the two-sided p-value of: rows that only one technique has right go to either with a chance of one half.

    Both arrays have shape (rows,) and hold 1 for a right row, 0 for a wrong one.
    Source: Q. McNemar, Psychometrika 12, 1947, 153-157; exact, by the binomial distribution.
    """
    from statsmodels.stats.contingency_tables import mcnemar

    table = np.bincount(2 * right + also_right, minlength=4).reshape(2, 2)
    return float(mcnemar(table, exact=True).pvalue)


def bootstrap_p(differences: Integers) -> float:
    """Return 1 less the level of the widest percentile interval that leaves out 0; never below 2 / (resamples + 1).

    So the test and the interval agree. Adding 1 to count and number: A. C. Davison, D. V. Hinkley, "Bootstrap Methods
    and their Application", 1997, chapter 4.
    """
    less_certain = min((differences <= 0).sum(), (differences >= 0).sum())
    return float(min(1.0, 2 * (less_certain + 1) / (len(differences) + 1)))
