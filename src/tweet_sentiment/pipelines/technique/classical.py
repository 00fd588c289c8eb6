"""Fitting and predicting with a classical baseline, in one node each; scikit-learn on the CPU, without torch."""

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import pandas as pd

from tweet_sentiment.manifests import CLASSICAL, input_settings, manifest_of
from tweet_sentiment.parameters import Study, TrainingParameters
from tweet_sentiment.techniques import classical as technique_of

AS_POSTED = {"cleaning": "none", "remove_stop_words": False, "lemmatize": False}


def fit_predict(
    technique: str,
    split_training_posts: pd.DataFrame,
    split_test_posts: pd.DataFrame,
    training_posts: pd.DataFrame,
    test_posts: pd.DataFrame,
    row_counts: dict[str, Any],
    study: Study,
    classical: technique_of.Parameters,
    settings: TrainingParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any], Any]:
    """Fit on the training posts, raw or cleaned as ``classical.text`` says, and predict the test posts.

    Returns predictions (one row per post: row, id, label, predicted, and one probability per class), predictions of the
    dev split by an estimator that was not fitted on it (empty without a dev split), figures, and the model.
    """
    from tweet_sentiment.classical import ClassicalModel, count_weights, probabilities_of
    from tweet_sentiment.scoring.metrics import TIMED_POSTS, dev_scores, ms_per_post, score_table

    raw, start = classical.text == "raw", perf_counter()
    training, test = (split_training_posts, split_test_posts) if raw else (training_posts, test_posts)
    fit = partial(technique_of.fit, technique, class_weights=settings.class_weights)
    estimator = fit(training, classical, study.labels, study.seed)
    predictions = technique_of.predict(estimator, test, study.labels)
    seconds = perf_counter() - start
    on_dev = _dev_predictions(fit, training, classical, study)
    timed = test["post"].tolist()[:TIMED_POSTS]
    figures = {
        "n_train": len(training),
        **dev_scores(score_table(on_dev, study.labels) if len(on_dev) else None),
        "seconds": seconds,
        "ms_per_post": ms_per_post(lambda: probabilities_of(estimator, timed), len(timed)),
        "trainable_parameters": count_weights(estimator),
        "device": "cpu",
        "dtype": "fp64",
        "encoder": technique_of.ENCODERS.get(technique, "TF-IDF"),
        "texts": "raw" if raw else row_counts["texts"],
    }
    reads = input_settings(row_counts, None) | (AS_POSTED if raw else {})
    made = manifest_of(
        technique,
        study,
        row_counts,
        {"format": CLASSICAL, "input": reads, **figures},
        {"classical": classical.model_dump(), "training": {"class_weights": settings.class_weights}},
    )
    return predictions, on_dev, figures, ClassicalModel(estimator, made)


def _dev_predictions(
    fit: Callable[..., Any], training: pd.DataFrame, classical: technique_of.Parameters, study: Study
) -> pd.DataFrame:
    from tweet_sentiment.data.splitting import dev_split

    rest, dev = dev_split(training)
    if not len(dev):
        return pd.DataFrame(columns=["row", "id", "label", "predicted"])
    estimator = fit(rest, classical, study.labels, study.seed)
    return technique_of.predict(estimator, dev.reset_index(drop=True), study.labels)
