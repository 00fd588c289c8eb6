"""The ensemble, from its members' predictions."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from tweet_sentiment.manifests import ENSEMBLE, Ensemble, manifest_of
from tweet_sentiment.parameters import ModelParameters, Study
from tweet_sentiment.techniques import TECHNIQUES
from tweet_sentiment.techniques import ensemble as technique


def average(
    predictions_by_technique: dict[str, Callable[[], pd.DataFrame]],
    dev_predictions_by_technique: dict[str, Callable[[], pd.DataFrame]],
    row_counts: dict[str, Any],
    study: Study,
    model: ModelParameters,
    ensemble: technique.Parameters,
    **metrics: dict[str, Any],
) -> tuple[pd.DataFrame, dict[str, Any], Ensemble]:
    """Average the predictions of ``ensemble.members``; return predictions, figures, and the model.

    ``metrics`` of the members are by name; they are inputs, so that the members run first.
    """
    from tweet_sentiment.parameters import InputSettings

    members = ensemble.members
    kinds = (predictions_by_technique, dev_predictions_by_technique)
    predictions, on_dev = ({name: one[name]() for name in members if name in one} for one in kinds)
    mean, figures = technique.average(predictions, on_dev, metrics, members, study.labels)
    encoders = any(not TECHNIQUES[name].classical for name in members)
    reads = InputSettings(  # each member cleans and cuts a text in its own way
        cleaning="none",
        remove_stop_words=False,
        lemmatize=False,
        max_length=model.max_length if encoders else None,
        second_segment=figures.pop("second_segment"),
    )
    made = manifest_of(
        "ensemble",
        study,
        row_counts,
        figures | {"format": ENSEMBLE, "input": reads.model_dump()},
        {"ensemble": ensemble.model_dump()},
    )
    return mean, figures, Ensemble(members, made)
