"""The table of all ways: scores with intervals, and paired differences to the references."""

from typing import Any

import numpy as np
import pandas as pd

from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.scoring.bootstrap import bootstrap_intervals
from tweet_sentiment.scoring.comparison import holm, paired_difference

from .variants import VARIANTS, Variant


def table_of_variants(
    predictions: dict[str, pd.DataFrame], metrics: dict[str, dict[str, Any]], parameters: StudyParameters
) -> pd.DataFrame:
    """Return one row a way, in the order of ``VARIANTS``; both dictionaries are by its name.

    ``low`` and ``high`` are accuracy's interval. ``difference`` is accuracy less that of ``reference``, beside it its
    paired interval. ``p_adjusted`` is Holm's for the comparisons of this table; the other pairs answer no
    question, and would only hide what these show.
    """
    rows = [
        _scores(variant, predictions[variant.name], metrics[variant.name], parameters)
        | _difference(variant, predictions, parameters)
        for variant in VARIANTS
    ]
    table = pd.DataFrame(rows)
    return table.assign(p_adjusted=holm(table["p_value"].to_numpy()))


def _settings(parameters: StudyParameters) -> dict[str, Any]:
    return {**parameters.uncertainty.model_dump(include={"resamples", "level"}), "seed": parameters.seed}


def _scores(
    variant: Variant, predictions: pd.DataFrame, metrics: dict[str, Any], parameters: StudyParameters
) -> dict[str, Any]:
    low, high = bootstrap_intervals(predictions, parameters.labels, **_settings(parameters))["accuracy"]
    return {
        "variant": variant.name,
        "cleaning": variant.cleaning,
        "stop_words": "removed" if variant.stop_words_removed else "kept",
        "lemmas": "yes" if variant.lemmatised else "no",
        **{name: metrics[name] for name in ("n_train", "n_validation", "empty_after_cleaning", "mean_word_pieces")},
        "accuracy": metrics["accuracy"],
        "low": low,
        "high": high,
        "f1": metrics["f1"],
        "macro_f1": metrics["macro_f1"],
    }


def _difference(variant: Variant, predictions: dict[str, pd.DataFrame], parameters: StudyParameters) -> dict[str, Any]:
    found: dict[str, Any] = {"difference": np.nan, "low": np.nan, "high": np.nan, "test": "", "p_value": np.nan}
    if variant.reference:
        pair = predictions[variant.name], predictions[variant.reference]
        found = paired_difference(*pair, **_settings(parameters))
    return {
        "reference": variant.reference,
        "difference": found["difference"],
        "difference_low": found["low"],
        "difference_high": found["high"],
        "test": found["test"],
        "p_value": found["p_value"],
    }
