"""The training posts, the dev split and the test posts, under each protocol."""

import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tweet_sentiment.data.cleaning import clean_posts
from tweet_sentiment.data.filtering import check_classes
from tweet_sentiment.data.leakage import SHORTEST_NEAR_DUPLICATE, joined, leaking_rows, near_duplicate_groups, text_key
from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import DataParameters, DevSplitParameters, LeakFreeRules, Protocol

CLEANED = "cleaned"
MOST_TWEETS = 5  # a text under more ids than this is a phrase or a template, not one tweet posted again
LARGEST_GROUP = 0.05  # of a part that is held out


def dev_split(posts: Any, rows: Any = None) -> tuple[Any, Any]:
    """Split ``rows`` into the rows to train on and the dev split; their order stays.

    ``posts``, a table or a ``datasets.Dataset``, has column ``dev``. ``rows`` are the corresponding rows of a table, a
    dataset or an array, by default the posts themselves. Under ``published`` the dev split is empty.
    """
    rows = posts if rows is None else rows
    marked = np.asarray(posts["dev"], dtype=bool)
    rest, dev = np.flatnonzero(~marked), np.flatnonzero(marked)
    if isinstance(rows, pd.DataFrame):
        return rows.iloc[rest], rows.iloc[dev]
    return (rows.select(rest), rows.select(dev)) if hasattr(rows, "select") else (rows[rest], rows[dev])


def with_cleaned(posts: pd.DataFrame, data: DataParameters) -> pd.DataFrame:
    """Return the posts with column ``cleaned``, so that each text is cleaned once."""
    return posts.assign(**{CLEANED: clean_posts(posts["post"], data.cleaning, data.remove_stop_words, data.lemmatize)})


def as_read(posts: pd.DataFrame, data: DataParameters) -> pd.DataFrame:
    """Return the posts cleaned, as the models read them, since a leak matters in what the models read."""
    cleaned = posts if CLEANED in posts else with_cleaned(posts, data)
    return cleaned.assign(post=cleaned[CLEANED]).drop(columns=CLEANED)


def split_posts(
    training: pd.DataFrame, validation: pd.DataFrame | None, protocol: Protocol, data: DataParameters, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Return the training posts, the test posts, and the row counts; both tables with a fresh index.

    Both frames have columns ``id``, ``label`` and ``post`` (raw text, filtered); other columns are kept.
    ``published`` takes both files as they are, or draws rows at random by label, and so leaks by design. ``leak_free``
    removes the training rows that the enabled rules catch; without a validation file it first holds out whole groups
    of rows that share an id or a text. ``grouped`` leaves a validation file aside and holds out
    ``data.validation_share`` of the training file's ids, ``grouped_<k>_of_<n>`` the k-th of n parts of them; both
    remove what the rules catch. ``data.row_limit`` then keeps the first training rows. In the account rows_in is the
    sum of held_out, the three removed_<rule> (each beside the ones before), beyond_row_limit and kept; ``validation``
    is the test rows.

    Raises:
        StudyError: a label has no post in one of the two; or the posts are too few, or too closely tied, to hold any
            out.
    """
    ids_known = data.columns.joins
    labels = sorted(set(training["label"]) | set(validation["label"] if validation is not None else ()))
    rest = training
    if validation is None or protocol.startswith("grouped"):
        rest, validation = _held_out(training, protocol, data, seed, ids_known)
    account = {"rows_in": len(training), "held_out": len(training) - len(rest)}
    removed = {f"removed_{rule}": 0 for rule in ("tweet_id", "normalised_text", "near_duplicate")}
    kept = rest
    if protocol != "published":
        caught = leaking_rows(as_read(rest, data), as_read(validation, data), data.leak_free, ids_known)
        leaks = caught.any(axis=1)
        first = caught.idxmax(axis=1)[leaks].value_counts()
        kept, removed = rest[~leaks], removed | {f"removed_{rule}": int(count) for rule, count in first.items()}
    limited = kept.head(data.row_limit or len(kept))
    account |= removed | {"beyond_row_limit": len(kept) - len(limited), "kept": len(limited)}
    assert account["rows_in"] == sum(account.values()) - account["rows_in"], account
    check_classes(limited, labels, f"The training posts, after the {protocol} split")
    check_classes(validation, labels, f"The test posts, after the {protocol} split")
    account["validation"] = len(validation)
    return limited.reset_index(drop=True), validation.reset_index(drop=True), account


def _held_out(
    posts: pd.DataFrame, protocol: Protocol, data: DataParameters, seed: int, ids_known: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hold out ``data.validation_share`` of the posts, as exactly as labels and groups allow; their order stays."""
    from sklearn.model_selection import train_test_split

    try:
        if protocol == "published":
            _, out = train_test_split(
                np.arange(len(posts)), test_size=data.validation_share, stratify=posts["label"], random_state=seed
            )
        else:
            groups = _groups(as_read(posts, data), data.leak_free, ids_known)
            if protocol == "leak_free" and data.columns.group is not None:
                out = np.flatnonzero(_draw_mixed(posts["label"], groups, data.validation_share, seed))
            elif protocol == "leak_free":
                out = np.flatnonzero(_draw(posts["label"], groups, data.validation_share, seed, np.bincount(groups)))
            else:
                out = _by_id(_ordered(posts["id"]) if ids_known else groups, protocol, data.validation_share, seed)
    except ValueError as error:
        raise StudyError(
            f"{data.training_file}: {len(posts)} posts cannot be split so that the held-out share of "
            f"{data.validation_share} has every label ({error}).\n"
            "  Add posts, leave a label out (data.drop_labels), name a data.validation_file, or change "
            "data.validation_share. Posts of one template are copies unless data.leak_free.near_duplicate is false."
        ) from None
    chosen = np.zeros(len(posts), dtype=bool)
    chosen[out] = True
    return posts[~chosen], posts[chosen]


def _by_id(ids: np.ndarray, protocol: Protocol, share: float, seed: int) -> np.ndarray:
    from sklearn.model_selection import GroupKFold, GroupShuffleSplit

    if fold := re.fullmatch(r"grouped_(\d+)_of_(\d+)", protocol):
        k, n = int(fold[1]), int(fold[2])
        return list(GroupKFold(n, shuffle=True, random_state=seed).split(ids, groups=ids))[k - 1][1]
    return next(GroupShuffleSplit(1, test_size=share, random_state=seed).split(ids, groups=ids))[1]


def _ordered(ids: pd.Series) -> np.ndarray:
    """Number the ids in sorted order, by value if all are numbers, so that the draw does not depend on their type.

    A post without an id has a number of its own.
    """
    given = ids[ids != ""]
    values = given.astype("int64") if given.str.fullmatch(r"\d{1,18}").all() else given
    numbers = np.arange(len(ids)) + len(given)
    numbers[ids != ""] = pd.factorize(values, sort=True)[0]
    return numbers


def mark_dev_split(
    training: pd.DataFrame, protocol: Protocol, dev_split: DevSplitParameters, data: DataParameters, seed: int
) -> tuple[pd.DataFrame, int]:
    """Make the dev split: add column ``dev``; return the remaining posts, and how many were removed for it.

    It is a random draw, stratified by label: a share of the tweets, one post each, the ``original`` if it is there.
    Posts that leak a dev post are removed: the other wordings of its tweet, and those that the leak rules find.
    A text of many tweets ("the", a template) is not drawn, unless a label has no others; then it may stand on both
    sides. Without ids, near-duplicates are taken for wordings of a tweet. Under ``published`` there is no dev split:
    choices are made on the test posts, as in the paper.

    Raises:
        StudyError: the posts are too few, or too closely tied.
    """
    if protocol == "published":
        return training.assign(dev=False), 0
    ids_known = data.columns.joins
    read = as_read(training, data)
    tweets = training["id"].where(training["id"] != "", [f"row {n}" for n in range(len(training))])
    if data.columns.id is None:
        tweets = pd.Series(_groups(read, data.leak_free, ids_known=False), index=training.index)
    groups = _groups(read, data.leak_free, ids_known) if ids_known else tweets.to_numpy()
    first = _first_wordings(training, tweets)
    labels = sorted(set(training["label"]))
    telling = ~_of_many_tweets(read, ids_known)
    if all((training["label"][first & telling] == label).sum() > 1 for label in labels):
        first = first & telling
    try:
        share = dev_split.share_of(int(first.sum()))
        if data.columns.group is None:
            drawn = _draw(training["label"][first], groups[first], share, seed, np.bincount(groups))
        else:
            drawn = _draw_mixed(training["label"][first], groups[first], share, seed)
    except ValueError as error:
        raise StudyError(
            f"{len(training)} training posts are not enough for a dev split "
            f"({error}).\n  Add posts, raise data.row_limit, or change dev_split.share."
        ) from None
    dev = np.zeros(len(training), dtype=bool)
    dev[np.flatnonzero(first)[drawn]] = True
    tied = np.isin(groups, groups[dev])
    tied |= leaking_rows(read, read[dev & telling], data.leak_free, ids_known).any(axis=1).to_numpy()
    marked = training.assign(dev=dev)[dev | ~tied]
    check_classes(marked[marked["dev"]], labels, "The dev split")
    check_classes(marked[~marked["dev"]], labels, "The training posts, without the dev split")
    return marked.reset_index(drop=True), len(training) - len(marked)


def _first_wordings(posts: pd.DataFrame, tweets: pd.Series) -> NDArray[np.bool_]:
    """Mark one post of each tweet: its original if it is among the posts, otherwise the first."""
    original = posts["original"].to_numpy() if "original" in posts else np.ones(len(posts), dtype=bool)
    order = np.argsort(~original, kind="stable")
    first = np.zeros(len(posts), dtype=bool)
    first[order] = ~tweets.iloc[order].duplicated().to_numpy()
    return first


def _draw(
    labels: pd.Series, groups: NDArray[np.intp], share: float, seed: int, rows: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Draw whole groups at random until ``share`` of the posts of each label is out; return a mask, shape (posts,).

    A group counts for its most frequent label. ``rows`` says how many rows of the file each group has, shape
    (groups,): one that would be above ``LARGEST_GROUP`` of the part, and above twice the mean, is drawn only where
    its label has no other left.

    Raises:
        ValueError: a label has fewer than two groups.
    """
    names, codes = np.unique(labels.to_numpy(dtype=str), return_inverse=True)
    counts = np.zeros((len(rows), len(names)), dtype=int)
    np.add.at(counts, (groups, codes), 1)
    posts, label_of = counts.sum(axis=1), counts.argmax(axis=1)
    large = rows > max(LARGEST_GROUP * share * rows.sum(), 2 * rows.mean())
    random = np.random.default_rng(seed)
    out = np.zeros(len(rows), dtype=bool)
    for label, name in enumerate(names):
        mine = random.permutation(np.flatnonzero((label_of == label) & (posts > 0)))
        if len(mine) < 2:
            raise ValueError(f"of the posts labelled {name} {len(mine)} are no copies of each other; 2 are needed")
        mine = mine[np.argsort(np.where(large[mine], rows[mine], 0), kind="stable")]
        off = np.abs(np.cumsum(counts[mine, label]) - share * counts[:, label].sum())
        out[mine[: min(len(mine) - 1, 1 + int(off.argmin()))]] = True
    return out[groups]


def _draw_mixed(labels: pd.Series, groups: NDArray[np.intp], share: float, seed: int) -> NDArray[np.bool_]:
    """Draw whole groups, each with posts of several labels, so that about ``share`` of each label is out.

    Raises:
        ValueError: no draw leaves every label on both sides.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    folds = min(max(2, round(1 / share)), len(set(groups)))
    draws = []
    if folds > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a label with fewer posts than folds
            kept_together = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
            draws = [out for _, out in kept_together.split(labels, labels, groups)]
    for fold in np.random.default_rng(seed).permutation(len(draws)):
        out = np.isin(np.arange(len(labels)), draws[fold])
        if set(labels[out]) == set(labels[~out]):
            return out
    raise ValueError(f"{len(set(groups))} groups are too few, or too closely tied, to have every label on both sides")


def described(posts: pd.DataFrame) -> dict[str, Any]:
    """Describe a part of the posts: its size, the share of each label, the length of its texts."""
    lengths = posts["post"].str.len()
    return {
        "posts": len(posts),
        "label_shares": posts["label"].value_counts(normalize=True).sort_index().round(4).to_dict(),
        "median_characters": float(lengths.median()) if len(posts) else None,
        "share_under_10_characters": round(float((lengths < 10).mean()), 4) if len(posts) else None,
    }


def ids_of_like_texts(posts: pd.DataFrame, rules: LeakFreeRules) -> "pd.Series[str]":
    """Return for each post "row-<n>" of the first post with an equal or nearly equal text, by the rules that apply.

    ``posts`` are as the models read them, of a file without ids; they have column ``row``.
    """
    return "row-" + posts["row"].groupby(_groups(posts, rules, ids_known=False)).transform("min").astype("str")


def _of_many_tweets(posts: pd.DataFrame, ids_known: bool) -> NDArray[np.bool_]:
    """Mark the texts with more than ``MOST_TWEETS`` ids: they do not identify a tweet."""
    if not ids_known:
        return np.zeros(len(posts), dtype=bool)
    return (posts["id"].groupby(posts["post"].map(text_key)).transform("nunique") > MOST_TWEETS).to_numpy()


def _groups(posts: pd.DataFrame, rules: LeakFreeRules, ids_known: bool) -> NDArray[np.intp]:
    """Return group numbers: a chain of shared ids and shared normalised texts joins rows into a group.

    ``posts`` are as the models read them. A text of many tweets joins no ids, nor does a short one: such texts would
    chain unrelated tweets into one group. Where the file has no ids, equal and near-duplicate texts stand in for
    them. A rule that is disabled joins nothing; nor does an empty id, or an empty text.
    """
    keys = []
    if rules.tweet_id and ids_known:
        keys.append(posts["id"])
    if rules.normalised_text:
        texts = posts["post"].map(text_key)
        short = texts.str.len() < SHORTEST_NEAR_DUPLICATE
        keys.append(texts.mask(short | _of_many_tweets(posts, ids_known), "") if ids_known else texts)
    if rules.near_duplicate and not ids_known:
        keys.append(pd.Series(near_duplicate_groups(posts["post"], rules.near_duplicate_threshold), index=posts.index))
    rows, nodes, size = [np.arange(0)], [np.arange(0)], len(posts)
    for key in keys:
        codes, values = pd.factorize(key)
        present = np.flatnonzero(key != "")
        rows.append(present)
        nodes.append(codes[present] + size)
        size += len(values)
    return joined(np.concatenate(rows), np.concatenate(nodes), size)[: len(posts)]
