"""Whether the ids of a file can be trusted: the one place that judges; what it does not trust, nobody sees."""

import re

import numpy as np
import pandas as pd
from rapidfuzz import fuzz

from tweet_sentiment.parameters import DataParameters

UNRELATED = 0.95  # of pairs of posts of different ids are less alike than wordings of one post are
_PAIRS = 2000  # of different ids that are looked at
_EXPONENT = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+\d{1,3}")  # as a spreadsheet shows a long number: 1.23457E+17
_ZEROS = re.compile(r"\d{5,}000|\d{15}0+")  # as it saves one, of which it knows 15 digits
_SHOWN = 60  # characters of an example


def without_untrusted(tables: list[pd.DataFrame]) -> tuple[list[pd.DataFrame], str | None]:
    """Return the tables, and why their ids are not trusted (None: they are); row numbers then take their place.

    The tables are a file's posts or several files', with columns ``row``, ``id`` and ``post`` (raw text). An id must
    name a post and its wordings: it is not trusted if a spreadsheet has rounded it, or if most of the ids of several
    texts join unlike ones. Posts are then grouped by their texts, as where a file has no ids.
    """
    reason = distrust(pd.concat([table[["id", "post"]] for table in tables], ignore_index=True))
    if reason is None:
        return tables, None
    return [table.assign(id="row-" + table["row"].astype("str")) for table in tables], reason


def distrust(posts: pd.DataFrame) -> str | None:
    """Say why the ids of these posts, columns ``id`` and ``post``, cannot be trusted; None if they can."""
    given = posts.astype("str")[lambda rows: rows["id"].str.strip() != ""]
    ids = given["id"].str.strip()
    rounded = ids[ids.str.fullmatch(_EXPONENT)]
    if rounded.empty:
        zeros = ids[ids.str.fullmatch(_ZEROS)]
        rounded = zeros if len(zeros) >= 10 and len(zeros) > len(ids) / 2 else rounded
    if len(rounded):
        return f"{len(rounded):,} of {len(ids):,} are rounded, as a spreadsheet does, such as {rounded.iloc[0]}"
    texts = given.assign(post=given["post"].str.casefold()).drop_duplicates(["id", "post"])
    pairs = texts.groupby("id", sort=False)["post"].agg(list)
    pairs = pairs[pairs.map(len) > 1]
    if pairs.empty:
        return None
    most = _likeness_of_others(texts)
    unlike = pairs[[fuzz.ratio(one[0], one[1]) <= most for one in pairs]]
    if len(unlike) * 2 <= len(pairs):
        return None
    first, second, *_ = unlike.iloc[0]
    return (
        f"{len(unlike):,} of the {len(pairs):,} that stand beside several texts join unlike ones, such as "
        f"{unlike.index[0]}: {first[:_SHOWN]!r} and {second[:_SHOWN]!r}"
    )


def _likeness_of_others(texts: pd.DataFrame) -> float:
    """Return how alike (0-100, ``fuzz.ratio``) posts of different ids are at most, a few pairs aside."""
    others = texts.sample(min(len(texts), _PAIRS), random_state=0)
    shifted = others.shift(len(others) // 2)
    apart = (others["id"] != shifted["id"]) & shifted["id"].notna()
    pairs = zip(others.loc[apart, "post"], shifted.loc[apart, "post"], strict=True)
    likeness = [fuzz.ratio(one, other) for one, other in pairs]
    return float(np.quantile(likeness, UNRELATED)) if likeness else 100.0


def known(posts: pd.DataFrame, data: DataParameters) -> bool:
    """Whether the posts, with column ``id``, have ids of their own; the reader's row numbers are none."""
    return data.columns.id is not None and not posts["id"].astype("str").str.fullmatch(r"row-\d+").all()


def as_known(posts: pd.DataFrame, data: DataParameters) -> DataParameters:
    """Return the parameters, without the column of ids where the posts have none that are trusted."""
    if known(posts, data):
        return data
    return data.model_copy(update={"columns": data.columns.model_copy(update={"id": None})})
