"""The search itself: an Optuna study in SQLite that a kill does not hurt and a second run goes on with."""

import logging
import math
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from joblib import Parallel, delayed
from optuna.trial import FrozenTrial, TrialState

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Hyperband, Hyperparameters, HyperparameterSearchParameters, SearchSpace
from tweet_sentiment.progress import progress_bar

logger = logging.getLogger(__name__)

OnEpoch = Callable[[int, dict[str, Any]], None]
Objective = Callable[[Hyperparameters, OnEpoch], float]
Outcome = tuple[TrialState, float | None]
DATABASE = "study.sqlite3"
CAUGHT = (RuntimeError, StudyError, MemoryError, ValueError)


def suggest(trial: optuna.Trial, space: SearchSpace) -> Hyperparameters:
    """Draw one set of hyperparameters (paper, section "Hyperparameter search")."""
    epochs, warmup, rate, decay = space.num_train_epochs, space.warmup_steps, space.learning_rate, space.weight_decay
    sizes = space.per_device_train_batch_size
    return Hyperparameters(
        num_train_epochs=trial.suggest_int("num_train_epochs", epochs.low, epochs.high, log=epochs.log),
        per_device_train_batch_size=int(trial.suggest_categorical("per_device_train_batch_size", sizes)),
        learning_rate=trial.suggest_float("learning_rate", rate.low, rate.high, log=rate.log),
        warmup_steps=trial.suggest_int("warmup_steps", warmup.low, warmup.high, log=warmup.log),
        weight_decay=trial.suggest_float("weight_decay", decay.low, decay.high, log=decay.log),
    )


def run_study(
    folder: Path,
    name: str,
    search: HyperparameterSearchParameters,
    objective: Objective,
    seed: int,
    metric: str,
    processes: int = 1,
    enough: Callable[[list[FrozenTrial]], bool] = lambda trials: False,
) -> optuna.Study:
    """Run trials until ``n_trials`` have finished, or those there are are ``enough``; those of an earlier run count.

    ``trials_at_once`` trials are drawn together, run by as many ``processes``, and told together: the outcome does not
    depend on which of them ends first, nor on how many processes there are. ``name`` must change with data, space and
    settings, so that a study never goes on under other conditions. Trials that a kill or Ctrl-C cut off are run again;
    one that raises or gives NaN fails, and the search goes on.

    Raises:
        StudyError: the database is damaged, or no trial gave a value.
    """
    _warn_if_pruner_is_idle(search)
    _check_database(folder / DATABASE)
    study = _open(folder / DATABASE, name, search)
    _end_stale(study)
    if finished := _finished(study):
        logger.info("Search: %d of %d trials are done already.", finished, search.n_trials)
    with (
        Parallel(processes, mmap_mode="r") as parallel,
        progress_bar("Search", search.n_trials - finished, "trials") as bar,
    ):
        while (finished := _finished(study)) < search.n_trials and not enough(study.trials):
            together = min(search.trials_at_once, search.n_trials - finished)
            drawn = [_draw(study, search, seed, finished + place) for place in range(together)]
            outcomes = parallel(
                delayed(_run_trial)(folder, name, search, trial, hyperparameters, objective, metric)
                for trial, hyperparameters in drawn
            )
            for (trial, _), (state, value) in zip(drawn, outcomes, strict=True):
                study.tell(trial, value, state)
                _log_trial(study, study.trials[trial])
                bar.update(1)
    if not study.get_trials(states=(TrialState.COMPLETE,)):
        raise StudyError(f"No trial of the search gave a value; the last error: {_last_error(study)}")
    return study


def _draw(
    study: optuna.Study, search: HyperparameterSearchParameters, seed: int, place: int
) -> tuple[int, Hyperparameters]:
    """Draw a trial and return its number, seeded by its place: an interrupted search then draws what it would have.

    Of trials drawn together the later take the earlier for bad ones (a constant liar), and look elsewhere.
    """
    study.sampler = optuna.samplers.TPESampler(
        seed=(seed + 1_000_003 * place) % 2**32, constant_liar=search.trials_at_once > 1
    )
    trial = study.ask()
    return trial.number, suggest(trial, search.space)


def _run_trial(
    folder: Path,
    name: str,
    search: HyperparameterSearchParameters,
    number: int,
    hyperparameters: Hyperparameters,
    objective: Objective,
    metric: str,
) -> Outcome:
    """Run one trial, in whichever process this is; it is reported to the database by epochs, and told by the caller."""
    study = _open(folder / DATABASE, name, search)
    trial = optuna.Trial(study, study.trials[number]._trial_id)

    def on_epoch(epoch: int, metrics: dict[str, Any]) -> None:
        trial.report(metrics[metric], epoch - 1)  # Optuna counts steps from 0
        if epoch < hyperparameters.num_train_epochs and trial.should_prune():
            raise optuna.TrialPruned

    try:
        value = float(objective(hyperparameters, on_epoch))
        if math.isnan(value):
            raise StudyError(f"{metric} is NaN.")
    except optuna.TrialPruned:
        return TrialState.PRUNED, None
    except CAUGHT as error:
        trial.set_user_attr("error", str(error))
        return TrialState.FAIL, None
    return TrialState.COMPLETE, value


def _open(path: Path, name: str, search: HyperparameterSearchParameters) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        study_name=name,
        storage=f"sqlite:///{path}",
        pruner=_pruner(search),
        direction=search.direction,
        load_if_exists=True,
    )


def _pruner(search: HyperparameterSearchParameters) -> optuna.pruners.BasePruner:
    chosen = search.pruner
    if isinstance(chosen, Hyperband):
        return optuna.pruners.HyperbandPruner(
            chosen.min_resource, search.space.num_train_epochs.high, chosen.reduction_factor
        )
    return optuna.pruners.MedianPruner(chosen.n_startup_trials, chosen.n_warmup_steps, chosen.interval_steps)


def _check_database(path: Path) -> None:
    if not path.exists():
        return
    try:
        with sqlite3.connect(path) as database:
            (verdict,) = database.execute("PRAGMA quick_check").fetchone()
            tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except sqlite3.DatabaseError as error:
        verdict, tables = str(error), 0
    if verdict != "ok" or not tables:
        why = verdict if verdict != "ok" else "it is empty"
        raise StudyError(f"{path}: the search's database is damaged ({why}). Delete it to start the search anew.")


def _end_stale(study: optuna.Study) -> None:
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        logger.info("Search: trial %d was cut off; it is run again.", trial.number)
        study.tell(trial.number, state=TrialState.FAIL)


def _finished(study: optuna.Study) -> int:
    """Count the trials that came to an end of their own; failed ones too, or a search that always fails has no end.

    A failed one without an error was cut off. The sampler takes no notice of it, and draws the same again.
    """
    ended = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL))
    return sum(not _cut_off(trial) for trial in ended)


def _cut_off(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.FAIL and "error" not in trial.user_attrs


def epochs_begun(trial: FrozenTrial) -> int:
    """Return in how many epochs a trial has learnt; one that failed or was cut off was in the midst of one more.

    The trial that goes on from its checkpoint has only the epochs from there on.
    """
    ended = len(trial.intermediate_values)
    return ended + (trial.state == TrialState.FAIL and ended < trial.params.get("num_train_epochs", 0))


def _warn_if_pruner_is_idle(search: HyperparameterSearchParameters) -> None:
    if not search.pruner_can_fire:
        logger.warning(
            "The pruner cannot stop any trial: it waits for %s; the search has %d trials of at most %d epochs.",
            search.pruner.waits_for,
            search.n_trials,
            search.space.num_train_epochs.high,
        )


def _log_trial(study: optuna.Study, trial: FrozenTrial) -> None:
    value = "" if trial.value is None else f" {trial.value:.4f}"
    finished = [t for t in study.trials if t.state == TrialState.COMPLETE]
    best = f", best so far {study.best_value:.4f}" if finished else ""
    logger.info("Search: trial %d %s%s%s", trial.number, trial.state.name.lower(), value, best)


def _last_error(study: optuna.Study) -> str:
    return next((t.user_attrs["error"] for t in reversed(study.trials) if "error" in t.user_attrs), "all were pruned")


def trials_table(study: optuna.Study) -> pd.DataFrame:
    """Return one row a trial: number, state, value, seconds, epochs begun, the hyperparameters, values by epoch.

    When a trial was cut off is not known, only when the search went on: it has no seconds.
    """
    rows = []
    for trial in study.trials:
        seconds = trial.duration.total_seconds() if trial.duration and not _cut_off(trial) else None
        rows.append(
            {
                "number": trial.number,
                "state": trial.state.name,
                "value": trial.value,
                "seconds": seconds,
                "epochs": epochs_begun(trial),
                **trial.params,
                "value_by_epoch": " ".join(f"{value:.4f}" for _, value in sorted(trial.intermediate_values.items())),
            }
        )
    return pd.DataFrame(rows)
