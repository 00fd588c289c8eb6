"""The same search over a technique that trains through the encoder: a budget in posts, and its own model at the end."""

from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

from tweet_sentiment.parameters import Hyperparameters, PromptTuningParameters, StudyParameters
from tweet_sentiment.provenance import fingerprint, manifest


def search_technique(
    training_posts: pd.DataFrame,
    test_posts: pd.DataFrame,
    row_counts: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Look for the hyperparameters of ``technique_search.technique``; return the best, and all trials.

    As in the paper's search they are chosen on posts parted from training, and a finished search that is run again has
    nothing to do. No trial is begun once ``budget_posts`` have been learnt from in all trials together; an epoch in the
    midst of which a trial was cut off or failed counts as a whole one.
    """
    from tweet_sentiment.modeling.tuning import TuningData

    from .study import epochs_begun, run_study, trials_table

    search, metric = parameters.technique_search, parameters.training.metric_for_best_model
    data = TuningData(training_posts, test_posts, row_counts, working_folder / "trial")
    objective = _Objective(data, parameters)
    posts = objective.posts_an_epoch()
    study = run_study(
        working_folder,
        f"{search.technique}-{technique_conditions(parameters, row_counts)}",
        search,
        objective,
        parameters.seed,
        metric,
        key="technique_search",
        enough=lambda trials: sum(map(epochs_begun, trials)) * posts >= search.budget_posts,
    )
    trials = trials_table(study).assign(posts=lambda table: table["epochs"] * posts)
    return {
        "technique": search.technique,
        "hyperparameters": study.best_params,
        metric: study.best_value,
        "trial": study.best_trial.number,
        "trials": len(trials),
        "posts": int(trials["posts"].sum()),
        "chosen_on": parameters.chosen_on,
        "dev_accuracy": study.best_value if metric == "accuracy" and parameters.has_dev_split else None,
        "seconds": float(trials["seconds"].sum()),
    }, trials


def technique_conditions(parameters: StudyParameters, row_counts: dict[str, Any]) -> str:
    """Return what the study's name ends in: it changes with all that the trials depend on."""
    search = parameters.technique_search
    technique = getattr(parameters, search.technique)
    return fingerprint(parameters.decisive(), technique, search.identity(), row_counts)


@dataclass(frozen=True)
class _Objective:
    """Train with the hyperparameters it is called with, without the dev split; return the last metric."""

    data: Any
    parameters: StudyParameters

    def __call__(self, hyperparameters: Hyperparameters, on_epoch: Any) -> float:
        from tweet_sentiment.modeling.techniques import FITS

        last: dict[str, Any] = {}

        def report(epoch: int, metrics: dict[str, Any]) -> None:
            last.update(metrics)
            on_epoch(epoch, metrics)

        search = self.parameters.technique_search
        FITS[search.technique](self.data, with_hyperparameters(self.parameters, hyperparameters, trial=True), report)
        return float(last[self.parameters.training.metric_for_best_model])

    def posts_an_epoch(self) -> int:
        """Return from how many posts a trial learns in an epoch."""
        search = self.parameters.technique_search
        tuning = getattr(self.parameters, search.technique)
        if isinstance(tuning, PromptTuningParameters):
            tuning = tuning.as_tuning()
        apart = tuning.model_copy(update={"row_limit": search.row_limit, "hold_out_dev_split": True})
        learning = self.data.parted(apart)[0]
        wordings = 2 if tuning.consistency_weight else 1
        return wordings * learning["id"].nunique() if tuning.one_wording_per_epoch else len(learning)


def with_hyperparameters(
    parameters: StudyParameters, hyperparameters: Hyperparameters, trial: bool = False
) -> StudyParameters:
    """Return the parameters with other hyperparameters of the technique; a trial ends with its last epoch."""
    search = parameters.technique_search
    changes: dict[str, Any] = {"hyperparameters": hyperparameters}
    if trial:
        changes |= {"row_limit": search.row_limit, "load_best_model_at_end": False, "hold_out_dev_split": True}
        changes |= {"early_stopping_patience": None, "average_last_epochs": None}
    tuning = getattr(parameters, search.technique)
    known = {name: value for name, value in changes.items() if name in type(tuning).model_fields}
    return parameters.model_copy(update={search.technique: tuning.model_copy(update=known)})


def train_best_technique(
    training_posts: pd.DataFrame,
    test_posts: pd.DataFrame,
    row_counts: dict[str, Any],
    best: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> tuple[Any, pd.DataFrame, dict[str, Any]]:
    """Train the technique with the best hyperparameters, on as many posts as it says; return model, curves, figures."""
    from tweet_sentiment.modeling.techniques import FITS
    from tweet_sentiment.modeling.tuning import TuningData

    start = perf_counter()
    data = TuningData(training_posts, test_posts, row_counts, working_folder / "best")
    chosen = with_hyperparameters(parameters, Hyperparameters(**best["hyperparameters"]))
    fitted = FITS[best["technique"]](data, chosen, lambda epoch, metrics: None)
    training = fitted.fit.figures | {
        "searched": best["technique"],
        "seconds": best["seconds"] + perf_counter() - start,
        "search_seconds": best["seconds"],
        "chosen_on": best["chosen_on"],
    }
    training.setdefault("dev_accuracy", best["dev_accuracy"])
    fitted = replace(fitted, fit=replace(fitted.fit, figures=training))
    settings = chosen.decisive() | chosen.model_dump(include={"technique_search", best["technique"]})
    made = manifest("technique_search", parameters, row_counts, training, settings)
    return fitted.model(made), fitted.fit.curves, training


def plot_technique_search(trials: pd.DataFrame, parameters: StudyParameters) -> tuple[Any, Any, Any]:
    """Draw Optuna's history, importance and parallel coordinates from the table of trials."""
    from .figures import search_figures

    return search_figures(trials, parameters.technique_search.space, parameters.training.metric_for_best_model)
