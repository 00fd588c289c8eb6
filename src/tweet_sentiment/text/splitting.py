"""The training posts and the posts to measure on, under each protocol; and the training posts that choices use."""

import re

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, StratifiedGroupKFold, train_test_split

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import DataParameters, LeakFreeRules, Protocol
from tweet_sentiment.text.clusters import near_duplicate_groups
from tweet_sentiment.text.filtering import check_classes
from tweet_sentiment.text.leakage import leaking_rows, normalise


def split_posts(
    training: pd.DataFrame, validation: pd.DataFrame | None, protocol: Protocol, data: DataParameters, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Return the posts to learn from, the posts to measure on, and an account of the rows; each with a fresh index.

    Both frames have columns ``id``, ``label`` and ``post`` (raw text, filtered); others are handed through.
    With a validation file, ``published`` takes both as they are; without one it draws rows at random by label, and
    so leaks by design. ``leak_free`` removes the training rows that the enabled rules catch; without a validation
    file it holds out whole groups of rows that share an id or a text before that. ``grouped`` leaves a validation
    file aside and holds out ``data.validation_share`` of the training file's tweet ids; ``grouped_<k>_of_<n>`` holds
    out the k-th of n parts of them; both remove what the rules catch. ``data.row_limit`` then keeps the first
    training rows. The account: rows_in, held_out, removed_tweet_id, removed_normalised_text and
    removed_near_duplicate (each beside the ones before), beyond_row_limit, kept: rows_in is the sum of the others;
    and validation, the rows to measure on.

    Raises:
        StudyError: a label has no post in one of the two; or the posts are too few, or too closely tied, to hold any
            out.
    """
    ids_known = data.columns.id is not None
    labels = sorted(set(training["label"]) | set(validation["label"] if validation is not None else ()))
    rest = training
    if validation is None or protocol.startswith("grouped"):
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
            groups = _groups(posts, data.leak_free, ids_known)
            if protocol == "leak_free":
                out = _stratified_fold(posts["label"], groups, data.validation_share, seed)
            else:
                ids = _ordered(posts["id"]) if ids_known else groups
                out = _by_id(ids, protocol, data.validation_share, seed)
    except ValueError as error:
        raise StudyError(
            f"{data.training_file}: {len(posts)} posts cannot be parted so that a share of {data.validation_share} "
            f"with every label in it is held out ({error}).\n"
            "  Add posts, name a data.validation_file, or change data.validation_share."
        ) from None
    chosen = np.zeros(len(posts), dtype=bool)
    chosen[out] = True
    return posts[~chosen], posts[chosen]


def _stratified_fold(labels: pd.Series, groups: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return the positions of one of round(1 / share) folds, at most half the posts, that parts no group."""
    folds = StratifiedGroupKFold(max(2, round(1 / share)), shuffle=True, random_state=seed)
    _, out = next(folds.split(labels, labels, groups))
    return out


def _by_id(ids: np.ndarray, protocol: Protocol, share: float, seed: int) -> np.ndarray:
    """Return the positions of ``share`` of the ids, or of the k-th of n parts of them."""
    if fold := re.fullmatch(r"grouped_(\d+)_of_(\d+)", protocol):
        k, n = int(fold[1]), int(fold[2])
        return list(GroupKFold(n, shuffle=True, random_state=seed).split(ids, groups=ids))[k - 1][1]
    return next(GroupShuffleSplit(1, test_size=share, random_state=seed).split(ids, groups=ids))[1]


def _ordered(ids: pd.Series) -> np.ndarray:
    """Number the ids in their order, by value if all are numbers: the draw must not depend on how they are stored."""
    values = ids.astype("int64") if ids.str.fullmatch(r"\d{1,18}").all() else ids
    return pd.factorize(values, sort=True)[0]


def mark_selection(
    training: pd.DataFrame, protocol: Protocol, share: float, data: DataParameters, seed: int
) -> pd.DataFrame:
    """Add column ``selection``: the posts on which hyperparameters, prompts and epochs are chosen.

    They are ``share`` of the training posts, parted by group and by label, so that nothing is chosen on the posts
    that are reported. Under ``published`` there are none: the choice is then made on the validation posts.

    Raises:
        StudyError: the posts are too few, or too closely tied.
    """
    chosen = np.zeros(len(training), dtype=bool)
    if protocol != "published":
        groups = _groups(training, data.leak_free, data.columns.id is not None)
        try:
            chosen[_stratified_fold(training["label"], groups, share, seed)] = True
        except ValueError as error:
            raise StudyError(
                f"{len(training)} training posts cannot be parted so that a share of {share} is there to choose on "
                f"({error}).\n  Add posts, raise data.row_limit, or change selection.share."
            ) from None
        labels = sorted(set(training["label"]))
        check_classes(training[chosen], labels, "The training posts to choose on")
        check_classes(training[~chosen], labels, "The training posts, without those to choose on")
    return training.assign(selection=chosen)


def _groups(posts: pd.DataFrame, rules: LeakFreeRules, ids_known: bool) -> np.ndarray:
    """Number the groups: rows are together if a chain of shared ids and shared normalised texts joins them.

    Where the file has no ids, near-duplicate texts stand in for them.

    A rule that is disabled joins nothing; nor does an empty id, an id made up by the reader, or an empty text.
    """
    keys = []
    if rules.tweet_id and ids_known:
        keys.append(posts["id"])
    if rules.normalised_text:
        keys.append(posts["post"].map(normalise))
    if rules.near_duplicate and not ids_known:
        keys.append(pd.Series(near_duplicate_groups(posts["post"], rules.near_duplicate_threshold), index=posts.index))
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
