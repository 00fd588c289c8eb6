"""Which training posts give test posts away: same tweet, same text, or almost the same text; and whether ids tell."""

import re

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process

from tweet_sentiment.data.similarity import SHORTEST_NEAR_DUPLICATE, most_similar, normalise
from tweet_sentiment.parameters import LeakFreeRules

_UNRELATED = 0.95  # of pairs of posts of different ids are less alike than wordings of one post are
_PAIRS = 2000  # of different ids that are looked at
_EXPONENT = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+\d{1,3}")  # as a spreadsheet shows a long number: 1.23457E+17
_ZEROS = re.compile(r"\d{5,}000|\d{15}0+")  # as it saves one, of which it knows 15 digits
_SHOWN = 60  # characters of an example


def text_key(text: str) -> str:
    """Return what makes two texts the same: ``normalise``, or the text itself where that leaves nothing ("🤣")."""
    return normalise(text) or text.strip().casefold()


def leaking_rows(
    training: pd.DataFrame, validation: pd.DataFrame, rules: LeakFreeRules, ids_known: bool
) -> pd.DataFrame:
    """Say for each training row which enabled rules catch it; a disabled rule catches none.

    Both frames have columns ``id`` and ``post``, the text as the models read it. Returns columns ``tweet_id``,
    ``normalised_text`` and ``near_duplicate`` (bool) on ``training``'s index. Near-duplicates are looked for only
    among rows that no earlier rule has caught. Texts are compared by ``text_key``; an empty one matches nothing, and
    one of fewer than ``SHORTEST_NEAR_DUPLICATE`` characters matches only itself (``exempt`` counts these). Ids count
    only if ``ids_known`` (not made up by the reader); an empty id matches nothing.
    """
    nothing = pd.Series(False, index=training.index)
    texts, others = training["post"].map(text_key), validation["post"].map(text_key)
    by_id = _shared(training["id"], validation["id"]) if rules.tweet_id and ids_known else nothing
    by_text = _shared(texts, others) if rules.normalised_text else nothing
    near = nothing
    if rules.near_duplicate:
        rest = ~(by_id | by_text)
        alike = set(most_similar(texts[rest], others, rules.near_duplicate_threshold))
        near = rest & texts.isin(alike | set(texts[rest]) & set(others) - {""})
    return pd.DataFrame({"tweet_id": by_id, "normalised_text": by_text, "near_duplicate": near})


def _shared(values: pd.Series, others: pd.Series) -> "pd.Series[bool]":
    return values.isin(others) & (values != "")


def exempt(training: pd.DataFrame, validation: pd.DataFrame, threshold: float) -> dict[str, int]:
    """Count the posts that the near-duplicate rule does not look at, because their texts are too short.

    Both frames have column ``post``, the text as the models read it. Keys: ``short_training_posts``,
    ``short_validation_posts``, and ``short_but_similar``: the training posts among them that are not equal to a
    test post and would count as its near-duplicate if length did not matter.
    """
    texts, others = (posts["post"].map(text_key) for posts in (training, validation))
    short, others_short = (keys[(keys.str.len() < SHORTEST_NEAR_DUPLICATE) & (keys != "")] for keys in (texts, others))
    mine, theirs = sorted(set(short) - set(others)), sorted(set(others_short))
    scores = process.cdist(mine, theirs, scorer=fuzz.ratio, score_cutoff=threshold)
    similar = [text for text, row in zip(mine, scores, strict=True) if row.any()]
    return {
        "short_training_posts": len(short),
        "short_validation_posts": len(others_short),
        "short_but_similar": int(short.isin(similar).sum()),
    }


def overlap(training: pd.DataFrame, validation: pd.DataFrame, ids_known: bool) -> dict[str, float]:
    """Say how much of the test posts is known from training: for each kind a count and a share.

    Kinds: ``text`` (word for word, as in column ``post``), ``normalised_text``, and, if ``ids_known``, ``id``; keys
    are "<kind>_count" and "<kind>_share", and ``posts``, the number of test posts.
    """
    texts, others = training["post"].map(normalise), validation["post"].map(normalise)
    found = {"text": _shared(validation["post"], training["post"]), "normalised_text": _shared(others, texts)}
    if ids_known:
        found["id"] = _shared(validation["id"], training["id"])
    counts = {f"{kind}_count": float(rows.sum()) for kind, rows in found.items()}
    shares = {f"{kind}_share": float(rows.mean()) if len(rows) else 0.0 for kind, rows in found.items()}
    return {"posts": float(len(validation))} | counts | shares


def conflicting_labels(posts: pd.DataFrame) -> int:
    """Count the normalised texts, the empty one aside, that stand under two labels or more."""
    texts = posts["post"].map(normalise)
    labels_of = posts["label"].groupby(texts).nunique()
    return int((labels_of[labels_of.index != ""] > 1).sum())


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
    return float(np.quantile(likeness, _UNRELATED)) if likeness else 100.0
