"""Hyperparameter search: search, plot, train with the best values (paper, section "Hyperparameter search")."""

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import DECISIVE, Hyperparameters, StudyParameters
from tweet_sentiment.provenance import fingerprint, manifest
from tweet_sentiment.scoring.metrics import dev_scores


def search(
    training_tokens: Any,
    test_tokens: Any,
    training_features: NDArray[np.float32],
    test_features: NDArray[np.float32],
    row_counts: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Look for the hyperparameters with the best metric on the dev split; return them, and all trials.

    Those posts are parted from training, so the test posts are not looked at; only under the published protocol
    the choice is made on them, as in the paper. Trials learn what ``layer_unfreezing`` learns. A finished search that
    is run again has nothing to do.
    """
    from tweet_sentiment.modeling.fitting import FittingData

    from .objective import TrialObjective
    from .study import run_study, trials_table

    data = FittingData(training_tokens, test_tokens, training_features, test_features).dev_split()
    metric, identity = parameters.training.metric_for_best_model, conditions(parameters, row_counts)
    known = parameters.only(DECISIVE | {"hyperparameter_search"})
    objective = TrialObjective(data, known, working_folder / "trial", identity)
    study = run_study(
        working_folder,
        f"search-{identity}",
        parameters.hyperparameter_search,
        objective,
        parameters.seed,
        metric,
        processes=objective.processes(),
        key="hyperparameter_search",
    )
    trials = trials_table(study)
    best = {
        "hyperparameters": study.best_params,
        "source": "hyperparameter_search",
        metric: study.best_value,
        "trial": study.best_trial.number,
        "trials": len(trials),
        "chosen_on": parameters.chosen_on,
        "dev_accuracy": study.best_value if metric == "accuracy" and parameters.has_dev_split else None,
        "seconds": float(trials["seconds"].sum()),
    }
    return best, trials


def conditions(parameters: StudyParameters, row_counts: dict[str, Any]) -> str:
    """Return what the study's name ends in: it changes with all that the trials depend on."""
    return fingerprint(parameters.decisive(), parameters.hyperparameter_search.identity(), row_counts)


def plot_search(trials: pd.DataFrame, parameters: StudyParameters) -> tuple[Any, Any, Any]:
    """Draw Optuna's history, importance and parallel coordinates from the table of trials."""
    from .figures import search_figures

    return search_figures(trials, parameters.hyperparameter_search.space, parameters.training.metric_for_best_model)


def _found(best: dict[str, Any]) -> Hyperparameters:
    if not best:
        raise StudyError(
            "The search has not been run for this run and protocol.\n"
            "  Run it first:  kedro run --pipelines=hyperparameter_search"
        )
    return Hyperparameters(**best["hyperparameters"])


def train_best(
    training_tokens: Any,
    test_tokens: Any,
    training_features: NDArray[np.float32],
    test_features: NDArray[np.float32],
    encoding: dict[str, Any],
    row_counts: dict[str, Any],
    best: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> tuple[Any, pd.DataFrame, dict[str, Any]]:
    """Train with the best hyperparameters, as layer unfreezing does; return model, curves and figures."""
    from tweet_sentiment.modeling.fitting import FittingData, fit_from_start, scores_on_dev

    start = perf_counter()
    data = FittingData(training_tokens, test_tokens, training_features, test_features)
    hyperparameters = _found(best)
    fitted = fit_from_start(
        data,
        hyperparameters,
        parameters,
        working_folder=working_folder / "best",
        fingerprint={"account": row_counts},
        description="Best hyperparameters",
    )
    training = fitted.fit.figures | {
        "seconds": best["seconds"] + perf_counter() - start,
        "search_seconds": best["seconds"],
        "encoding_seconds": encoding["seconds"],
        "chosen_on": best["chosen_on"],
    }
    scores = scores_on_dev(fitted.fit, data, hyperparameters, parameters, working_folder / "best")
    training |= dev_scores(scores)
    if scores is None:  # through the encoder: what the search has measured anyway
        training["dev_accuracy"] = best.get("dev_accuracy")
    return (
        fitted.model(manifest("hyperparameter_search", parameters, row_counts, training)),
        fitted.fit.curves,
        training,
    )


def repeat_with_seeds(
    training_tokens: Any,
    test_tokens: Any,
    training_features: NDArray[np.float32],
    test_features: NDArray[np.float32],
    row_counts: dict[str, Any],
    best: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """Train with the best hyperparameters again, once with each further seed; return one row a seed with its scores."""
    from tweet_sentiment.modeling.fitting import FittingData
    from tweet_sentiment.modeling.seeds import repeat_with_seeds

    return repeat_with_seeds(
        FittingData(training_tokens, test_tokens, training_features, test_features),
        _found(best),
        parameters,
        working_folder=working_folder / "seeds",
        fingerprint={"account": row_counts},
    )
