"""Predictions, metrics and errors of any technique; only predicting needs torch."""

from typing import Any

import numpy as np
import pandas as pd

from tweet_sentiment.data.filtering import has_ids
from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Compute, DataParameters, ModelParameters, Study, UncertaintyParameters
from tweet_sentiment.scoring.metrics import CHOSEN_BY, TIMED_POSTS, ms_per_post
from tweet_sentiment.scoring.uncertainty import (
    ENDS,
    bootstrap_intervals,
    confidence_of,
    right_of,
    scores_of,
    tweet_codes,
)
from tweet_sentiment.storage import library_versions

MISTAKES = 50
_MOST_WORDS = [0, 5, 10, 20, 40]
_LENGTHS = ["0", "1 to 5", "6 to 10", "11 to 20", "21 to 40", "41 or more"]  # a spreadsheet takes 6-10 for a date
_GROUP_COLUMNS = ["grouping", "group", "posts", "effective_posts", "right", "accuracy", "wilson_low", "wilson_high"]


def predict(model: Any, test_tokens: Any, settings: ModelParameters, compute: Compute) -> pd.DataFrame:
    """Return one row per test post: row, id, label, predicted, and one probability per class."""
    from tweet_sentiment.modeling.devices import device_of
    from tweet_sentiment.modeling.prediction import predictions_table

    return predictions_table(model, test_tokens, device_of(compute), settings)


def predict_posts(model: Any, test_posts: pd.DataFrame, settings: ModelParameters, compute: Compute) -> pd.DataFrame:
    """Return one row per test post, like ``predict``, with the model's input as its manifest says."""
    from tweet_sentiment.modeling.tokenization import tokens_as_trained

    return predict(model, tokens_as_trained(model, test_posts, settings.max_length), settings, compute)


def predict_dev(model: Any, training_posts: pd.DataFrame, settings: ModelParameters, compute: Compute) -> pd.DataFrame:
    """Return one row per dev post if the model was not trained on the dev split; otherwise an empty table."""
    from tweet_sentiment.data.splitting import dev_split

    if not model.manifest.get("dev_split_held_out"):
        return pd.DataFrame(columns=["row", "id", "label", "predicted"])
    return predict_posts(model, dev_split(training_posts)[1].reset_index(drop=True), settings, compute)


def measure_speed(model: Any, test_posts: pd.DataFrame, settings: ModelParameters, compute: Compute) -> dict[str, Any]:
    """Return the milliseconds per post, from cleaned text to probabilities, many posts at a time.

    It is a separate node, so that new predictions do not change the figure.
    """
    from tweet_sentiment.modeling.devices import device_of

    posts, device = test_posts.head(TIMED_POSTS), device_of(compute)
    return {
        "ms_per_post": ms_per_post(lambda: predict_posts(model, posts, settings, compute), len(posts)),
        "posts": len(posts),
        "device": device.name,
        "dtype": device.precision,
    }


def evaluate(
    predictions: pd.DataFrame,
    split_test_posts: pd.DataFrame,
    training: dict[str, Any],
    row_counts: dict[str, Any],
    study: Study,
    model: ModelParameters,
    uncertainty: UncertaintyParameters,
    speed: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Score the predictions, and add the facts that are needed to read the scores.

    ``speed`` is the result of ``measure_speed``; a technique without its own model has it in ``training``.
    ``parts`` is the result of ``accuracy_by_part``.

    Raises:
        StudyError: nothing was trained or predicted.
    """
    if not training or predictions.empty:
        raise StudyError("There is nothing to evaluate yet: run this technique's whole pipeline first.")
    return {
        **scores_of(predictions, study, uncertainty),
        "parts": accuracy_by_part(predictions, split_test_posts, study, uncertainty),
        "protocol": study.protocol,
        "texts": training["texts"],
        "encoder": training.get("encoder", model.checkpoint),
        "n_train": training["n_train"],
        "n_validation": len(predictions),
        "trainable_parameters": training["trainable_parameters"],
        "seconds": training["seconds"] + training.get("encoding_seconds", 0.0),
        "ms_per_post": (training | (speed or {})).get("ms_per_post"),
        "seed": study.seed,
        "device": training.get("device"),
        "chosen_on": training.get("chosen_on"),
        **{f"dev_{name}": training.get(f"dev_{name}") for name in CHOSEN_BY},
        "dev_split": row_counts.get("split", {}).get("dev_split"),
        "dtype": training.get("dtype"),
        "data": row_counts["files"],
        "versions": library_versions(),
    }


def accuracy_by_part(
    predictions: pd.DataFrame, split_test_posts: pd.DataFrame, study: Study, uncertainty: UncertaintyParameters
) -> dict[str, dict[str, Any]]:
    """Return posts, accuracy, low and high of each part: ``originals``, ``resembling`` and ``not_resembling``.

    An original is the first wording of a tweet; ``resembling`` is by ``data.leakage.RESEMBLANCE``. A figure that
    cannot be measured is None.
    """
    posts = _with_posts(predictions, split_test_posts, ["original", "resembles_training"])
    alike = posts["resembles_training"].astype(bool)
    parts = {"originals": posts["original"].astype(bool), "resembling": alike, "not_resembling": ~alike}
    return {name: _accuracy(posts[chosen], study, uncertainty) for name, chosen in parts.items()}


def _accuracy(predictions: pd.DataFrame, study: Study, uncertainty: UncertaintyParameters) -> dict[str, Any]:
    right = right_of(predictions)
    found: dict[str, Any] = {"posts": len(right), "accuracy": float(right.mean()) if len(right) else None}
    if len(set(tweet_codes(predictions))) < 2:  # nothing to draw from
        return found | {"low": None, "high": None}
    intervals = bootstrap_intervals(predictions, study.labels, seed=study.seed, **uncertainty.model_dump())
    return found | dict(zip(ENDS, intervals["accuracy"], strict=True))


def analyse_errors(
    predictions: pd.DataFrame,
    split_test_posts: pd.DataFrame,
    split_training_posts: pd.DataFrame,
    study: Study,
    data: DataParameters,
    uncertainty: UncertaintyParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return accuracy by group, and the most confident mistakes, at most ``MISTAKES``.

    The posts are as posted, not cleaned. Columns by group: grouping (entity, length in words, seen_id, label), group,
    posts, effective_posts, right, accuracy, wilson_low, wilson_high. Groupings by a missing column are left out.

    Raises:
        StudyError: the predictions are not about ``split_test_posts``.
    """
    posts = _with_posts(predictions, split_test_posts, ["entity", "post"])
    posts = posts.assign(confidence=confidence_of(posts, study.labels), right=right_of(posts), tweet=tweet_codes(posts))
    groupings = _groupings(posts, split_training_posts["id"], study.labels, data)
    by_group = [_accuracy_by(name, groups, posts, uncertainty.level) for name, groups in groupings.items()]
    wrong = posts[~posts["right"]].sort_values(["confidence", "row"], ascending=[False, True], ignore_index=True)
    mistakes = wrong.head(MISTAKES)[["row", "id", "entity", "label", "predicted", "confidence", "post"]]
    return pd.concat(by_group, ignore_index=True), mistakes


def _with_posts(predictions: pd.DataFrame, posts: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    merged = predictions.merge(posts[["row", "id", "label", *columns]], on=["row", "id", "label"], how="inner")
    if not len(merged) == len(predictions) == len(posts):
        raise StudyError(
            f"{len(predictions)} predictions, {len(posts)} test posts, {len(merged)} in common; expected a prediction "
            "for each post.\n"
            "  The data were split again after predicting: run the technique's pipeline again."
        )
    return merged


def _groupings(
    posts: pd.DataFrame, training_ids: pd.Series, labels: list[str], data: DataParameters
) -> dict[str, pd.Series]:
    """Return the group of each post, by grouping; missing ids and entities give no grouping."""
    words = [len(post.split()) for post in posts["post"]]
    lengths = pd.Categorical.from_codes(np.searchsorted(_MOST_WORDS, words), pd.Index(_LENGTHS), ordered=True)
    seen = posts["id"].isin(training_ids).map({True: "yes", False: "no"}).where(posts["id"] != "", "unknown")
    return {
        **({} if data.columns.entity is None else {"entity": posts["entity"]}),
        "length": pd.Series(lengths),
        **({"seen_id": seen} if has_ids(posts, data) else {}),
        "label": pd.Series(pd.Categorical(posts["label"], labels)),
    }


def _accuracy_by(grouping: str, groups: pd.Series, posts: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return one row per group that has posts, in the order of the groups.

    Groups are small, and in one that is all right a bootstrap's interval has no width. So the interval is Wilson's
    (1927), for ``effective_posts``: copies of one tweet tell hardly more than the tweet itself, so n posts, m of each
    tweet, count as n² / Σm² (effective sample size, L. Kish, "Survey Sampling", 1965; the cautious case: copies all
    judged alike). Where every id occurs once these are the posts.
    """
    from statsmodels.stats.proportion import proportion_confint

    by_group = posts.groupby(groups, observed=True)
    table = by_group.agg(posts=("right", "size"), right=("right", "sum"), accuracy=("right", "mean"))
    squares = by_group["tweet"].agg(lambda tweets: tweets.value_counts().pow(2).sum())
    effective = table["posts"] ** 2 / squares
    low, high = proportion_confint(table["accuracy"] * effective, effective, alpha=1 - level, method="wilson")
    table = table.assign(wilson_low=low, wilson_high=high, effective_posts=effective.round(1))
    return table.assign(grouping=grouping, group=table.index.astype("str")).reset_index(drop=True)[_GROUP_COLUMNS]
