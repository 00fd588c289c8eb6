"""Which training posts give test posts away: same tweet, same text, or almost the same text."""

import re

import pandas as pd
from rapidfuzz import fuzz, process

from tweet_sentiment.data.similarity import SHORTEST_NEAR_DUPLICATE, most_similar
from tweet_sentiment.parameters import LeakFreeRules


def normalise(text: str) -> str:
    """Fold case and keep letters and digits only, of any script; "Don't!" -> "dont", "🤣" -> ""."""
    return re.sub(r"[\W_]+", "", text.casefold())


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
        near = rest & texts.isin(_near(texts[rest], others, rules.near_duplicate_threshold))
    return pd.DataFrame({"tweet_id": by_id, "normalised_text": by_text, "near_duplicate": near})


def _shared(values: pd.Series, others: pd.Series) -> "pd.Series[bool]":
    return values.isin(others) & (values != "")


def _near(texts: pd.Series, others: pd.Series, threshold: float) -> set[str]:
    """Return those of ``texts`` whose similarity to one of ``others`` is at least the threshold."""
    return set(texts) & set(others) - {""} | set(most_similar(texts, others, threshold))


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
