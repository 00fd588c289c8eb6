"""Predictions and metrics of any technique; only predicting needs torch."""

from typing import Any

import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Compute, ModelParameters, Study, UncertaintyParameters
from tweet_sentiment.scoring.bootstrap import scores_of
from tweet_sentiment.scoring.metrics import CHOSEN_BY
from tweet_sentiment.scoring.speed import POSTS, ms_per_post
from tweet_sentiment.storage import library_versions

from .misclassified import accuracy_by_part


def predict(model: Any, test_tokens: Any, settings: ModelParameters, compute: Compute) -> pd.DataFrame:
    """Return one row per test post: row, id, label, predicted, and one probability per class."""
    from tweet_sentiment.modeling.devices import device_of
    from tweet_sentiment.modeling.prediction import predictions_table

    device = device_of(compute)
    return predictions_table(model, test_tokens, device, settings)


def predict_posts(model: Any, test_posts: pd.DataFrame, settings: ModelParameters, compute: Compute) -> pd.DataFrame:
    """Return one row per test post, as :func:`predict`; the posts reach the model as its manifest says."""
    from tweet_sentiment.modeling.tokenization import tokens_as_trained

    return predict(model, tokens_as_trained(model, test_posts, settings.max_length), settings, compute)


def predict_dev(model: Any, training_posts: pd.DataFrame, settings: ModelParameters, compute: Compute) -> pd.DataFrame:
    """Return the same of the dev split, if the model has not learnt from them; otherwise an empty table."""
    from tweet_sentiment.data.splitting import dev_split

    if not model.manifest.get("dev_split_held_out"):
        return pd.DataFrame(columns=["row", "id", "label", "predicted"])
    return predict_posts(model, dev_split(training_posts)[1].reset_index(drop=True), settings, compute)


def measure_speed(model: Any, test_posts: pd.DataFrame, settings: ModelParameters, compute: Compute) -> dict[str, Any]:
    """Return how many milliseconds a post takes, from cleaned text to probabilities, many posts at a time.

    Apart from predicting, so that predictions can be made again and the figures stay.
    """
    from tweet_sentiment.modeling.devices import device_of
    from tweet_sentiment.modeling.prediction import predictions_table
    from tweet_sentiment.modeling.tokenization import tokens_as_trained

    posts, device = test_posts.head(POSTS), device_of(compute)

    def predict_once() -> None:
        predictions_table(model, tokens_as_trained(model, posts, settings.max_length), device, settings)

    return {
        "ms_per_post": ms_per_post(predict_once, len(posts)),
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
    """Score the predictions, and put beside the scores all that a reader must know of them.

    ``speed`` is :func:`measure_speed`'s; a technique without a model of its own says it in ``training``. ``parts`` is
    :func:`accuracy_by_part`'s.

    Raises:
        StudyError: nothing was trained or predicted.
    """
    if training and "texts" not in training:
        raise StudyError(
            "An earlier revision trained this technique, and did not say which texts it reads.\n"
            "  Run its whole pipeline again."
        )
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
        "dtype": training.get("dtype"),
        "data": row_counts["files"],
        "versions": library_versions(),
    }
