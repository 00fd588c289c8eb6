"""The leakage audit: how many test posts are known from training, and the accuracy of a look-up."""

from typing import Any

import numpy as np
import pandas as pd
from rapidfuzz import fuzz

from tweet_sentiment.data.leakage import Lookup, conflicting_labels, leaking_rows, most_similar, normalise, overlap
from tweet_sentiment.data.splitting import split_posts
from tweet_sentiment.parameters import DataParameters

_EXAMPLE_KINDS = ["text", "normalised", "near", "id"]  # a pair is shown as the first of them that it is
EXAMPLE_COLUMNS = ["kind", "similarity", "validation_row", "training_row", "validation_text", "training_text"]
EXAMPLE_COLUMNS += ["validation_label", "training_label"]


def audit(
    training: pd.DataFrame, validation: pd.DataFrame, data: DataParameters, seed: int
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Compare training and test posts; return the figures, and examples of known test posts.

    Both frames have columns ``row``, ``id``, ``label`` and ``post`` (raw text, filtered). Without test posts, some are
    drawn from training as the published protocol does; ``validation_drawn`` says so. ``overlap`` is ``leakage.overlap``
    with kinds ``near_duplicate`` (equal normalised texts among them) and ``any``. ``memorisation`` is the accuracy of
    ``leakage.Lookup`` with the training posts as they stand, and with the leaking ones out; null where none is left.
    The examples have ``EXAMPLE_COLUMNS``, one row per test post, similarity 0-100.

    Raises:
        StudyError: there is no validation side, and the posts are too few to draw one.
    """
    drawn = not len(validation)
    if drawn:
        least = 1.5 * training["label"].nunique() / len(training)  # of few posts, one of each label must be drawn
        share = min(0.5, max(data.validation_share, least))
        whole = data.model_copy(update={"row_limit": None, "validation_share": share})
        training, validation, _ = split_posts(training, None, "published", whole, seed)
    training, validation = training.reset_index(drop=True), validation.reset_index(drop=True)
    ids_known = data.columns.id is not None
    links = _links(training, validation, data.leak_free.near_duplicate_threshold, ids_known)
    figures = {
        "posts": {"training": len(training), "validation": len(validation)},
        "validation_drawn": drawn,
        "ids_known": ids_known,
        "near_duplicate_threshold": data.leak_free.near_duplicate_threshold,
        "overlap_limit": data.audit.overlap_limit,
        "overlap": _overlap(training, validation, links, ids_known),
        "conflicting_labels": _conflicts(training, validation),
        "class_balance": {"training": _balance(training), "validation": _balance(validation)},
        "memorisation": _memorisation(training, validation, data, ids_known),
    }
    return figures, _examples(training, validation, links, data.audit.examples)


def _links(training: pd.DataFrame, validation: pd.DataFrame, threshold: float, ids_known: bool) -> pd.DataFrame:
    """Return pairs of positions for each kind of overlap: a test post and the first training post that leaks it.

    A text that normalises to nothing can only leak word for word, and an empty id is no id.
    """
    texts, others = training["post"].map(normalise), validation["post"].map(normalise)
    similar = most_similar(set(others) - set(texts), texts, threshold)
    pairs = [
        _first_matches("text", validation["post"], training["post"]),
        _first_matches("normalised", others, texts),
        _first_matches("near", pd.Series([similar.get(text, "") for text in others], dtype="str"), texts),
    ]
    if ids_known:
        pairs.append(_first_matches("id", validation["id"], training["id"]))
    return pd.concat(pairs, ignore_index=True)


def _first_matches(kind: str, wanted: pd.Series, given: pd.Series) -> pd.DataFrame:
    first = given.drop_duplicates()
    positions = wanted.map(pd.Series(first.index, index=first.array))
    found = positions[positions.notna() & (wanted != "")].astype("int64")
    return pd.DataFrame({"kind": kind, "validation": found.index, "training": found.array})


def _overlap(
    training: pd.DataFrame, validation: pd.DataFrame, links: pd.DataFrame, ids_known: bool
) -> dict[str, float | int]:
    near = links.loc[links["kind"].isin(["normalised", "near"]), "validation"].nunique()
    more = {"near_duplicate_count": near, "any_count": links["validation"].nunique()}
    shares = {name.replace("count", "share"): count / len(validation) for name, count in more.items()}
    found = overlap(training, validation, ids_known) | more | shares
    return {name: int(value) if not name.endswith("_share") else float(value) for name, value in found.items()}


def _conflicts(training: pd.DataFrame, validation: pd.DataFrame) -> dict[str, int]:
    known = pd.DataFrame({"text": training["post"].map(normalise), "known": training["label"]}).drop_duplicates()
    asked = pd.DataFrame({"text": validation["post"].map(normalise), "label": validation["label"]}).reset_index()
    both = asked[asked["text"] != ""].merge(known, on="text")
    return {
        "training_texts": conflicting_labels(training),
        "validation_texts": conflicting_labels(validation),
        "validation_posts_labelled_otherwise_in_training": both.loc[both["label"] != both["known"], "index"].nunique(),
    }


def _balance(posts: pd.DataFrame) -> dict[str, dict[str, float]]:
    counts = posts["label"].value_counts().sort_index()
    return {str(label): {"posts": int(n), "share": float(n / len(posts))} for label, n in counts.items()}


def _memorisation(
    training: pd.DataFrame, validation: pd.DataFrame, data: DataParameters, ids_known: bool
) -> dict[str, Any]:
    leaks = leaking_rows(training, validation, data.leak_free, ids_known).any(axis=1)
    majority = training["label"].value_counts().sort_index().idxmax()
    return {
        "published": _looked_up(training, validation),
        "leak_free": _looked_up(training[~leaks], validation),
        "majority_label": str(majority),
        "majority_share": float((validation["label"] == majority).mean()),
    }


def _looked_up(training: pd.DataFrame, validation: pd.DataFrame) -> dict[str, Any]:
    if training.empty:
        return {"training_posts": 0, "accuracy": None}
    given, _ = Lookup(training["post"].tolist(), training["label"].tolist())(validation["post"].tolist())
    return {"training_posts": len(training), "accuracy": float(np.mean(given == validation["label"].to_numpy(str)))}


def _examples(training: pd.DataFrame, validation: pd.DataFrame, links: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return ``count`` examples of known test posts, the kinds in turn."""
    shown = links.drop_duplicates("validation")
    order = shown["kind"].map(_EXAMPLE_KINDS.index)
    shown = shown.assign(turn=shown.groupby("kind").cumcount(), order=order).sort_values(["turn", "order"])[:count]
    mine = validation.iloc[shown["validation"]].reset_index(drop=True)
    theirs = training.iloc[shown["training"]].reset_index(drop=True)
    pairs = zip(mine["post"], theirs["post"], strict=True)
    table = {
        "kind": shown["kind"].array,
        "similarity": [round(fuzz.ratio(normalise(a), normalise(b)), 1) for a, b in pairs],
        "validation_row": mine["row"],
        "training_row": theirs["row"],
        "validation_text": mine["post"],
        "training_text": theirs["post"],
        "validation_label": mine["label"],
        "training_label": theirs["label"],
    }
    return pd.DataFrame(table, columns=EXAMPLE_COLUMNS)
