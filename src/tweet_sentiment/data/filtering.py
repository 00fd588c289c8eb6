"""Filtering: posts with dropped labels and posts without text are removed and counted."""

import numpy as np
import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import DataParameters, Protocol

MOST_EMPTIED = 0.2  # of the posts may lose all their text to cleaning
_LABELS_SHOWN = 20  # in one message
EMPTY_AS_PUBLISHED = "nan"  # what the paper's str() makes of an empty field, which pandas had read as missing


def filter_posts(
    posts: pd.DataFrame, data: DataParameters, labels: list[str], seed: int, name: str = "The posts"
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Drop and shuffle posts; return them with a fresh index, and the row counts.

    Rows with a label of ``data.drop_labels`` are dropped first, then empty posts, then posts of white space only. Under
    ``published`` cleaning empty and blank posts stay, empty ones as the post "nan", as in the published code.
    ``posts`` has columns ``id``, ``label`` and ``post``; others are handed through. Column ``original`` is added: true
    for the first wording of each tweet in the file. ``name`` is the file, for messages. In the account rows_in is the
    sum of the three dropped_<reason> and kept; empty_kept_as_nan and blank_kept are part of the kept.

    Raises:
        StudyError: one of ``labels`` has no post left.
    """
    labelled = posts[~posts["label"].isin(data.drop_labels)]
    empty = labelled["post"] == ""
    blank = ~empty & (labelled["post"].map(str.strip) == "")
    published = data.cleaning == "published"
    as_published = labelled.assign(post=labelled["post"].mask(empty, EMPTY_AS_PUBLISHED))
    kept = as_published if published else labelled[~empty & ~blank]
    account = {
        "rows_in": len(posts),
        "dropped_label": len(posts) - len(labelled),
        "dropped_empty": 0 if published else int(empty.sum()),
        "dropped_blank": 0 if published else int(blank.sum()),
        "kept": len(kept),
        "empty_kept_as_nan": int(empty.sum()) if published else 0,
        "blank_kept": int(blank.sum()) if published else 0,
    }
    assert account["rows_in"] == sum(n for key, n in account.items() if key.startswith("dropped_")) + len(kept), account
    kept = kept.assign(original=~kept["id"].duplicated() | (kept["id"] == "") | (data.columns.id is None))
    check_classes(kept, labels, f"{name}, after labels to drop and empty posts are out")
    return kept.sample(frac=1, random_state=seed).reset_index(drop=True), account


def check_classes(posts: pd.DataFrame, labels: list[str], where: str) -> None:
    """Refuse posts in which a label does not occur: it could not be learnt or measured.

    Raises:
        StudyError: names the labels without a post, and the counts of the others.
    """
    counts = {label: int((posts["label"] == label).sum()) for label in labels}
    lacking = [label for label, count in counts.items() if not count]
    if lacking:
        found = ", ".join(f"{label} {count}" for label, count in counts.items())
        raise StudyError(
            f"{where}: no post is labelled {' or '.join(lacking)}; "
            f"expected at least one of each label, found {found}.\n"
            "  Add such posts, or leave the label out: data.drop_labels; if data.row_limit is set, raise it."
        )


def check_not_emptied(posts: "pd.Series[str]", data: DataParameters, where: str) -> int:
    """Return how many of the cleaned posts are empty; a few are normal, such as posts of only a link or an emoji.

    Raises:
        StudyError: they are more than ``MOST_EMPTIED``.
    """
    emptied = int((posts.str.strip() == "").sum())
    if emptied > MOST_EMPTIED * len(posts):
        raise StudyError(
            f"{where}: data.cleaning={data.cleaning} empties {emptied:,} of {len(posts):,} posts; expected "
            f"at most {MOST_EMPTIED:.0%}.\n"
            "  Give the model the original texts: --params=data.cleaning=none. The encoder must know their language: "
            "model.checkpoint."
        )
    return emptied


def check_enough(posts: pd.DataFrame, labels: list[str], data: DataParameters, protocol: Protocol) -> None:
    """Refuse a training file with too few posts of a label for the split.

    Each label needs a post for training, one for the dev split (except under ``published``), and, without a validation
    file, one for the test posts.

    Raises:
        StudyError: names the labels that have fewer, and how many are needed.
    """
    needed = {"to train on": True, "for the dev split": protocol != "published"}
    needed["to test on"] = data.validation_file is None
    purposes = [purpose for purpose, is_needed in needed.items() if is_needed]
    counts = {label: int((posts["label"] == label).sum()) for label in labels}
    if few := {label: count for label, count in counts.items() if count < len(purposes)}:
        shown = ", ".join(f"{label} {count}" for label, count in list(few.items())[:_LABELS_SHOWN])
        more = f" and {len(few) - _LABELS_SHOWN} more" if len(few) > _LABELS_SHOWN else ""
        raise StudyError(
            f"{data.training_file}: each label needs at least {len(purposes)} posts, one {', one '.join(purposes)}; "
            f"found {shown}{more}.\n  Add such posts, or leave the label out: data.drop_labels."
        )
    held_out = int(np.ceil(data.validation_share * len(posts)))
    if data.validation_file is None and protocol == "published" and held_out < len(labels):
        raise StudyError(
            f"{data.training_file}: data.validation_share ({data.validation_share}) of {len(posts)} posts are "
            f"{held_out}, fewer than the {len(labels)} labels.\n"
            f"  Add posts, or raise data.validation_share to {np.ceil(100 * len(labels) / len(posts)) / 100:.2f}."
        )


def has_ids(posts: pd.DataFrame, data: DataParameters) -> bool:
    """Whether the posts, with column ``id``, have ids; the reader's row numbers are not ids."""
    return data.columns.id is not None and not posts["id"].astype("str").str.fullmatch(r"row-\d+").all()


def with_known_ids(posts: pd.DataFrame, data: DataParameters) -> DataParameters:
    """Return the parameters, without the column of ids if the posts have no trusted ids."""
    if has_ids(posts, data):
        return data
    return data.model_copy(update={"columns": data.columns.model_copy(update={"id": None})})
