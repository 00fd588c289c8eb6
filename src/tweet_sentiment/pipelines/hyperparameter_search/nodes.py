"""Hyperparameter search: search, plot, train with the best values (paper, section "Hyperparameter search")."""

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tweet_sentiment.parameters import Hyperparameters, StudyParameters
from tweet_sentiment.provenance import fingerprint, manifest


def search(
    training_tokens: Any,
    validation_tokens: Any,
    training_features: NDArray[np.float32],
    validation_features: NDArray[np.float32],
    row_account: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Look for the hyperparameters with the best validation metric; return them, and all trials.

    Trials learn what ``layer_unfreezing`` learns. A finished search that is run again has nothing to do.
    """
    from tweet_sentiment.modeling.devices import choose_device
    from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
    from tweet_sentiment.modeling.fitting import FittingData, fit_classifier

    from .study import OnEpoch, run_study, trials_table

    data = FittingData(training_tokens, validation_tokens, training_features, validation_features)
    device = choose_device(parameters.device, parameters.fp16, parameters.precision)
    tokenizer = load_tokenizer(parameters.model.checkpoint)
    untrained = load_classifier(parameters.model.checkpoint, parameters.labels, parameters.seed)
    start = {name: weight.clone() for name, weight in untrained.state_dict().items()}
    metric = parameters.training.metric_for_best_model
    conditions = _conditions(parameters, row_account)

    def objective(hyperparameters: Hyperparameters, on_epoch: OnEpoch) -> float:
        untrained.load_state_dict(start)
        last: dict[str, Any] = {}

        def report(epoch: int, metrics: dict[str, Any]) -> None:
            last.update(metrics)
            on_epoch(epoch, metrics)

        fit_classifier(
            untrained,
            tokenizer,
            data,
            hyperparameters,
            parameters,
            device=device,
            working_folder=working_folder / "trial",
            fingerprint={"conditions": conditions, "hyperparameters": hyperparameters.model_dump()},
            on_epoch=report,
            description="Trial",
        )
        return float(last[metric])

    study = run_study(
        working_folder, f"search-{conditions}", parameters.hyperparameter_search, objective, parameters.seed, metric
    )
    trials = trials_table(study)
    best = {
        "hyperparameters": study.best_params,
        "source": "hyperparameter_search",
        metric: study.best_value,
        "trial": study.best_trial.number,
        "seconds": float(trials["seconds"].sum()),
    }
    return best, trials


def _conditions(parameters: StudyParameters, row_account: dict[str, Any]) -> str:
    """Return what the study's name ends in: it changes with everything but the number of trials and the pruner."""
    search = parameters.hyperparameter_search
    rest = parameters.model_dump(exclude={"hyperparameter_search", "prompt_tuning", "reporting", "run"})
    return fingerprint(rest, search.space, search.direction, row_account)


def plot_search(trials: pd.DataFrame, parameters: StudyParameters) -> tuple[Any, Any, Any]:
    """Draw Optuna's history, importance and parallel coordinates from the table of trials."""
    from .figures import search_figures

    return search_figures(trials, parameters.hyperparameter_search, parameters.training.metric_for_best_model)


def train_best(
    training_tokens: Any,
    validation_tokens: Any,
    training_features: NDArray[np.float32],
    validation_features: NDArray[np.float32],
    encoding: dict[str, Any],
    row_account: dict[str, Any],
    best: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> tuple[Any, pd.DataFrame, dict[str, Any]]:
    """Train with the best hyperparameters, as layer unfreezing does; return model, curves and figures."""
    from tweet_sentiment.modeling.devices import choose_device
    from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
    from tweet_sentiment.modeling.fitting import FittingData, fit_classifier
    from tweet_sentiment.modeling.folders import TrainedModel

    start = perf_counter()
    classifier = load_classifier(parameters.model.checkpoint, parameters.labels, parameters.seed)
    tokenizer = load_tokenizer(parameters.model.checkpoint)
    fit = fit_classifier(
        classifier,
        tokenizer,
        FittingData(training_tokens, validation_tokens, training_features, validation_features),
        Hyperparameters(**best["hyperparameters"]),
        parameters,
        device=choose_device(parameters.device, parameters.fp16, parameters.precision),
        working_folder=working_folder / "best",
        fingerprint={"parameters": parameters.model_dump(), "account": row_account, "best": best["hyperparameters"]},
        description="Best hyperparameters",
    )
    training = fit.figures | {
        "n_train": len(training_tokens),
        "seconds": best["seconds"] + perf_counter() - start,
        "search_seconds": best["seconds"],
        "encoding_seconds": encoding["seconds"],
    }
    model = TrainedModel(classifier, tokenizer, manifest("hyperparameter_search", parameters, row_account, training))
    return model, fit.curves, training
