"""The training posts and the held-out posts, under either protocol."""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import DataParameters, LeakFreeRules, Protocol
from tweet_sentiment.text.filtering import check_classes
from tweet_sentiment.text.leakage import leaking_rows, normalise


def split_posts(
    training: pd.DataFrame, validation: pd.DataFrame | None, protocol: Protocol, data: DataParameters, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Return the posts to learn from, the posts to measure on, and an account of the rows; each with a fresh index.

    Both frames have columns ``id``, ``label`` and ``post`` (raw text, filtered); others are handed through.
    With a validation file, ``published`` takes both as they are; without one it draws rows at random by label, and
    so leaks by design. ``leak_free`` removes the training rows that the enabled rules catch; without a validation
    file it holds out whole groups of rows that share an id or a text before that. ``data.row_limit`` then keeps the
    first training rows. The account: rows_in, held_out, removed_tweet_id, removed_normalised_text and
    removed_near_duplicate (each beside the ones before), beyond_row_limit, kept: rows_in is the sum of the others;
    and validation, the rows to measure on.

    Raises:
        StudyError: a label has no post in one of the two; or the posts are too few, or too closely tied, to hold any
            out.
    """
    ids_known = data.columns.id is not None
    labels = sorted(set(training["label"]) | set(validation["label"] if validation is not None else ()))
    rest = training
    if validation is None:
        rest, validation = _held_out(training, protocol, data, seed, ids_known)
    account = {"rows_in": len(training), "held_out": len(training) - len(rest)}
    kept, removed = _without_leaks(rest, validation, protocol, data.leak_free, ids_known)
    limited = kept.head(data.row_limit or len(kept))
    account |= removed | {"beyond_row_limit": len(kept) - len(limited), "kept": len(limited)}
    assert account["rows_in"] == sum(account.values()) - account["rows_in"], account
    check_classes(limited, labels, f"The training posts, after the {protocol} split")
    check_classes(validation, labels, f"The validation posts, after the {protocol} split")
    account["validation"] = len(validation)
    return limited.reset_index(drop=True), validation.reset_index(drop=True), account


def _without_leaks(
    training: pd.DataFrame, validation: pd.DataFrame, protocol: Protocol, rules: LeakFreeRules, ids_known: bool
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Remove what the rules catch, and count each row under the first rule that catches it."""
    removed = {f"removed_{rule}": 0 for rule in ("tweet_id", "normalised_text", "near_duplicate")}
    if protocol == "published":
        return training, removed
    caught = leaking_rows(training, validation, rules, ids_known)
    leaks = caught.any(axis=1)
    first = caught.idxmax(axis=1)[leaks].value_counts()
    return training[~leaks], removed | {f"removed_{rule}": int(count) for rule, count in first.items()}


def _held_out(
    posts: pd.DataFrame, protocol: Protocol, data: DataParameters, seed: int, ids_known: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hold ``data.validation_share`` of the posts out, as nearly as labels and groups allow; their order stays."""
    try:
        if protocol == "published":
            _, out = train_test_split(
                np.arange(len(posts)), test_size=data.validation_share, stratify=posts["label"], random_state=seed
            )
        else:
            out = _grouped_fold(posts, data, seed, ids_known)
    except ValueError as error:
        raise StudyError(
            f"{data.training_file}: {len(posts)} posts cannot be parted so that a share of {data.validation_share} "
            f"with every label in it is held out ({error}).\n"
            "  Add posts, name a data.validation_file, or change data.validation_share."
        ) from None
    chosen = np.zeros(len(posts), dtype=bool)
    chosen[out] = True
    return posts[~chosen], posts[chosen]


def _grouped_fold(posts: pd.DataFrame, data: DataParameters, seed: int, ids_known: bool) -> np.ndarray:
    """Return the positions of one of round(1 / share) folds, at most half the posts, that parts no group."""
    folds = StratifiedGroupKFold(max(2, round(1 / data.validation_share)), shuffle=True, random_state=seed)
    groups = _groups(posts, data.leak_free, ids_known)
    _, out = next(folds.split(posts, posts["label"], groups))
    return out


def _groups(posts: pd.DataFrame, rules: LeakFreeRules, ids_known: bool) -> np.ndarray:
    """Number the groups: rows are together if a chain of shared ids and shared normalised texts joins them.

    A rule that is disabled joins nothing; nor does an empty id, an id made up by the reader, or an empty text.
    """
    keys = []
    if rules.tweet_id and ids_known:
        keys.append(posts["id"])
    if rules.normalised_text:
        keys.append(posts["post"].map(normalise))
    rows, nodes, size = [np.arange(0)], [np.arange(0)], len(posts)
    for key in keys:
        codes, values = pd.factorize(key)
        present = np.flatnonzero(key != "")
        rows.append(present)
        nodes.append(codes[present] + size)
        size += len(values)
    ends = np.concatenate(rows), np.concatenate(nodes)
    graph = coo_array((np.ones(len(ends[0]), dtype=bool), ends), shape=(size, size))
    groups: np.ndarray = connected_components(graph, directed=False)[1][: len(posts)]
    return groups
