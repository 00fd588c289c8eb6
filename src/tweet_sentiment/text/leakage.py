"""Which training posts give validation posts away: same tweet, same text, or almost the same text."""

import re

import pandas as pd

from tweet_sentiment.parameters import LeakFreeRules
from tweet_sentiment.text.similarity import most_similar


def normalise(text: str) -> str:
    """Fold case and keep letters and digits only, of any script; "Don't!" -> "dont", "🤣" -> ""."""
    return re.sub(r"[\W_]+", "", text.casefold())


def leaking_rows(
    training: pd.DataFrame, validation: pd.DataFrame, rules: LeakFreeRules, ids_known: bool
) -> pd.DataFrame:
    """Say for each training row which enabled rules catch it; a disabled rule catches none.

    Both frames have columns ``id`` and ``post``, the raw text. Returns columns ``tweet_id``, ``normalised_text`` and
    ``near_duplicate`` (bool) on ``training``'s index. Near-duplicates are looked for only among rows that no earlier
    rule has caught. A text that normalises to nothing matches nothing, and one of fewer than
    ``SHORTEST_NEAR_DUPLICATE`` normalised characters matches only itself. Ids count only if ``ids_known`` (not made
    up by the reader); an empty id matches nothing.
    """
    nothing = pd.Series(False, index=training.index)
    texts, others = training["post"].map(normalise), validation["post"].map(normalise)
    by_id = _shared(training["id"], validation["id"]) if rules.tweet_id and ids_known else nothing
    by_text = _shared(texts, others) if rules.normalised_text else nothing
    near = nothing
    if rules.near_duplicate:
        rest = ~(by_id | by_text)
        near = rest & texts.isin(_near(texts[rest], others, rules.near_duplicate_threshold))
    return pd.DataFrame({"tweet_id": by_id, "normalised_text": by_text, "near_duplicate": near})


def _shared(values: pd.Series, others: pd.Series) -> "pd.Series[bool]":
    return values.isin(others) & (values != "")


def _near(texts: pd.Series, others: pd.Series, threshold: float) -> set[str]:
    """Return those of ``texts`` whose similarity to one of ``others`` is at least the threshold."""
    return set(texts) & set(others) - {""} | set(most_similar(texts, others, threshold))


def overlap(training: pd.DataFrame, validation: pd.DataFrame, ids_known: bool) -> dict[str, float]:
    """Say how much of the validation posts is known from training: for each kind a count and a share.

    Kinds: ``text`` (word for word, as in column ``post``), ``normalised_text``, and, if ``ids_known``, ``id``; keys
    are "<kind>_count" and "<kind>_share", and ``posts``, the number of validation posts.
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
