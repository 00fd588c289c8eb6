"""The same training with other seeds: how much of a figure is luck."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from tweet_sentiment.modeling.devices import choose_device
from tweet_sentiment.modeling.fitting import FittingData, fit_from_start, on_features
from tweet_sentiment.modeling.heads import Features, Head, evaluate_head
from tweet_sentiment.modeling.prediction import scores_on
from tweet_sentiment.parameters import Hyperparameters, StudyParameters

COLUMNS = ["seed", "accuracy", "f1", "macro_f1", "eval_loss", "seconds"]


def repeat_with_seeds(
    data: FittingData,
    hyperparameters: Hyperparameters,
    parameters: StudyParameters,
    *,
    working_folder: Path,
    fingerprint: dict[str, Any],
) -> pd.DataFrame:
    """Fit once with each of ``parameters.seeds`` but the run's own; return one row a seed with its validation scores.

    The seed draws the head, the order of the posts and the dropout. The data and their split stay as they are.
    """
    device = choose_device(parameters.device, parameters.fp16, parameters.precision)

    def scores(seeded: StudyParameters) -> dict[str, Any]:
        fitted = fit_from_start(
            data,
            hyperparameters,
            seeded,
            working_folder=working_folder,
            fingerprint=fingerprint,
            description=f"Seed {seeded.seed}",
        )
        if on_features(fitted.fit.figures["learning"], parameters):
            known = Features(np.array(data.test_features), np.asarray(data.test_tokens["label"]))
            return evaluate_head(Head(fitted.classifier).to(device.name), known, parameters.labels, device.name)
        return scores_on(fitted.classifier, data.test_tokens, device, parameters)

    return each_seed(parameters, scores)


def each_seed(parameters: StudyParameters, scores: Callable[[StudyParameters], dict[str, Any]]) -> pd.DataFrame:
    """Call ``scores`` with the parameters under each further seed; return one row a seed."""
    rows = []
    for seed in parameters.seeds:
        if seed != parameters.seed:
            start = perf_counter()
            scored = scores(parameters.model_copy(update={"seed": seed}))
            rows.append({"seed": seed, "seconds": perf_counter() - start, **scored})
    return pd.DataFrame(rows).reindex(columns=COLUMNS)
