"""Posts whose label is unlikely, by confident learning, and posts that give no reason for any label."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tweet_sentiment.data.cleaning import clean_as_intended
from tweet_sentiment.data.leakage import text_key
from tweet_sentiment.data.splitting import MOST_TWEETS

FOLDS = 5
UNLIKELY_AT = 0.1  # the most that a classifier gives a label that is called unlikely; more would be its own errors
UNLIKELY, TWO_LABELS = "unlikely label", "same text, other label"
NO_WORDS, MANY_IDS = "fewer than two words", "one text under many ids"
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]"
)  # no spaces between words
COLUMNS = ["part", "row", "id", "entity", "label", "likely_label", "label_quality", "issue", "post"]

Classifier = Callable[[pd.DataFrame, pd.DataFrame], NDArray[np.float64]]
"""Fits on the first posts; returns the probabilities of the second, shape (posts, labels)."""


def label_issues(
    training: pd.DataFrame, test: pd.DataFrame, classifier: Classifier, labels: list[str], ids_known: bool, seed: int
) -> tuple[pd.DataFrame, dict[str, dict[str, Any]]]:
    """Return the posts of both files that have an issue, the least likely labels first, and counts for each file.

    Each post is judged by a classifier that has seen neither it nor another post of its tweet, of either file.
    ``label_quality`` is the probability of the label that the post has. The counts, for training and test: ``posts``,
    one for each issue, ``share``, that of all issues, and ``agreement``, the share of labels that the classifier gives
    too. The table has ``COLUMNS``. Source: C. Northcutt et al., "Confident Learning", 2021, by cleanlab.
    """
    parts = np.repeat(["training", "test"], [len(training), len(test)])
    posts = pd.concat([training, test], ignore_index=True)
    every = _issues(posts, out_of_fold(posts, classifier, labels, ids_known, seed), labels, ids_known)
    every["part"] = parts
    counts: dict[str, dict[str, Any]] = {}
    for part, mine in every.groupby("part", sort=False):
        issues = mine.loc[mine["issue"] != "", "issue"]
        counts[str(part)] = {
            "posts": len(mine),
            **{str(issue): count for issue, count in issues.value_counts().items()},
            "share": len(issues) / len(mine),
            "agreement": float((mine["label"] == mine["likely_label"]).mean()),
        }
    table = every[every["issue"] != ""].sort_values(["label_quality", "row"], kind="stable", ignore_index=True)
    return table[COLUMNS], counts


def without_issues(training: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return the training posts without those in the table; the dev split stays whole.

    ``training`` has columns ``row`` and ``dev``; ``table`` is the result of ``label_issues``.
    """
    doubted = training["row"].isin(table.loc[table["part"] == "training", "row"])
    return training[training["dev"] | ~doubted].reset_index(drop=True)


def out_of_fold(
    posts: pd.DataFrame, classifier: Classifier, labels: list[str], ids_known: bool, seed: int
) -> NDArray[np.float64]:
    """Return the probabilities of each post, shape (posts, labels), by a classifier that has not seen its tweet.

    A post has as many folds as the label with the fewest tweets, at most ``FOLDS``; NaN with fewer than two.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    texts = posts["post"].map(text_key)
    groups = posts["id"].where(posts["id"] != "", texts) if ids_known else texts
    folds = min(FOLDS, int(groups.groupby(posts["label"]).nunique().min()))
    found = np.full((len(posts), len(labels)), np.nan)
    if folds >= 2:
        split = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(posts, posts["label"], groups)
        for seen, held_out in split:
            found[held_out] = classifier(posts.iloc[seen], posts.iloc[held_out])
    return found


def _issues(
    posts: pd.DataFrame, probabilities: NDArray[np.float64], labels: list[str], ids_known: bool
) -> pd.DataFrame:
    """Return the posts with ``likely_label``, ``label_quality`` and ``issue``, "" if there is none."""
    codes = posts["label"].map(labels.index).to_numpy(dtype=int)
    texts = posts["post"].map(text_key)
    few_words = posts["post"].map(clean_as_intended).map(lambda post: len(post.split() + _UNSPACED.findall(post)) < 2)
    many_ids = posts["id"].groupby(texts).transform("nunique") > MOST_TWEETS if ids_known else few_words & False
    conditions = {
        NO_WORDS: few_words,
        MANY_IDS: many_ids,
        TWO_LABELS: posts["label"].groupby(texts).transform("nunique") > 1,
        UNLIKELY: unlikely(codes, probabilities),
    }
    issue = np.select([np.asarray(one, dtype=bool) for one in conditions.values()], [*conditions], default="")
    best = probabilities.argmax(axis=1) if len(posts) else np.array([], dtype=int)
    known = ~np.isnan(probabilities).any(axis=1)
    return posts[["row", "id", "entity", "label", "post"]].assign(
        likely_label=np.where(known, np.array(labels)[best], ""),
        label_quality=np.round(probabilities[np.arange(len(posts)), codes], 4),
        issue=issue,
    )


def unlikely(codes: NDArray[np.int_], probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the unlikely labels, shape (posts,): cleanlab's issues with a probability of at most ``UNLIKELY_AT``.

    There are none with fewer than two classes.
    """
    from cleanlab.filter import find_label_issues

    if len(set(codes)) < 2 or np.isnan(probabilities).any():
        return np.zeros(len(codes), dtype=bool)
    issues = np.asarray(find_label_issues(codes, probabilities, filter_by="both", n_jobs=1), dtype=bool)
    return issues & (probabilities[np.arange(len(codes)), codes] <= UNLIKELY_AT)
