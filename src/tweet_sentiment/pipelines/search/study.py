"""The search itself: an Optuna study in SQLite that survives a kill and is resumed by the next run."""

import logging
import math
import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import optuna
import pandas as pd
from joblib import Parallel, delayed
from optuna.trial import FrozenTrial, TrialState

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Hyperband, Hyperparameters, IntRange, SearchParameters, SearchSpace, direction_of
from tweet_sentiment.progress import progress_bar
from tweet_sentiment.storage import fingerprint, naming

logger = logging.getLogger(__name__)

OnEpoch = Callable[[int, dict[str, Any]], None]
Objective = Callable[[Hyperparameters, OnEpoch], float]
Outcome = tuple[TrialState, float | None]
DATABASE = "study.sqlite3"
CUT_OFF = "cut_off"  # how often a trial was cut off before it came to an end
SEAL = "seal"  # of what came of a trial
CAUGHT = (RuntimeError, StudyError, MemoryError, ValueError)


def suggest(trial: optuna.trial.BaseTrial, space: SearchSpace) -> Hyperparameters:
    """Draw one set of hyperparameters (paper, section "Hyperparameter search")."""
    epochs, warmup, rate, decay = space.num_train_epochs, space.warmup_steps, space.learning_rate, space.weight_decay
    sizes = space.per_device_train_batch_size
    return Hyperparameters(
        num_train_epochs=trial.suggest_int("num_train_epochs", epochs.low, epochs.high, log=epochs.log),
        per_device_train_batch_size=int(trial.suggest_categorical("per_device_train_batch_size", sizes)),
        learning_rate=trial.suggest_float("learning_rate", rate.low, rate.high, log=rate.log),
        warmup_steps=(
            trial.suggest_int("warmup_steps", warmup.low, warmup.high, log=warmup.log)
            if isinstance(warmup, IntRange)
            else trial.suggest_float("warmup_steps", warmup.low, warmup.high, log=warmup.log)
        ),
        weight_decay=trial.suggest_float("weight_decay", decay.low, decay.high, log=decay.log),
    )


@dataclass(frozen=True)
class Search:
    """A search to run, by one process or by several.

    ``name`` must change with everything that trials depend on, so that a study is never resumed under other conditions;
    ``key`` names the parameters in messages.
    """

    folder: Path
    name: str
    parameters: SearchParameters
    objective: Objective
    seed: int
    metric: str
    key: str
    processes: int = 1
    budget_reached: Callable[[list[FrozenTrial]], bool] = lambda trials: False

    @property
    def database(self) -> Path:
        """The file with the result of each trial."""
        return self.folder / DATABASE

    def of_optuna(self, **more: Any) -> dict[str, Any]:
        """Return the arguments with which its studies are created, and ``more``."""
        return {"pruner": pruner_of(self.parameters), "direction": direction_of(self.metric), **more}

    def damaged(self, why: str) -> StudyError:
        """Return the error for a database from which the search cannot resume."""
        return StudyError(
            f"{self.database}: the search's database is damaged ({why}). Delete it to start the search again."
        )


def run_study(search: Search) -> optuna.Study:
    """Run the trials that are missing; return a study of the first ``n_trials`` trials, or of those within the budget.

    One ``TPESampler(seed)`` draws the trials, as in Optuna's ``optimize``. With ``trials_at_once`` above 1 that many
    are drawn together, run in ``processes`` processes, and reported together: the outcome does not depend on which of
    them ends first, or on the number of processes.

    The database has the result of each trial, in the order of the draws. Each run repeats the draws with the known
    results, so a stopped search continues as if it had not been stopped. A trial that a kill or Ctrl-C interrupted is
    run again; a trial that raises or gives NaN fails, and the search continues.

    Raises:
        StudyError: the database is damaged, or no trial gave a value.
    """
    warn_if_pruner_is_idle(search.parameters)
    _check_database(search)
    with naming(search.database):
        return _run_trials(search)


def _run_trials(search: Search) -> optuna.Study:
    study, given = _open(search), search.parameters
    left = given.n_trials - say_what_is_done(study.trials[: given.n_trials], search)
    sampler = optuna.samplers.TPESampler(seed=search.seed, constant_liar=given.trials_at_once > 1)
    draws = optuna.create_study(**search.of_optuna(study_name=search.name, sampler=sampler))  # Hyperband needs the name
    processes = 1 if isinstance(given.pruner, Hyperband) else search.processes  # it compares trials that still run
    with Parallel(processes, mmap_mode="r") as parallel, progress_bar("Search", left, "trials") as bar:
        for first in range(0, given.n_trials, given.trials_at_once):
            if search.budget_reached(study.trials[:first]):
                break
            places = range(first, min(first + given.trials_at_once, given.n_trials))
            drawn = {place: suggest(draws.ask(), given.space) for place in places}  # the later take the earlier for bad
            todo = [place for place in places if not _is_finished(study, draws.trials[place], search)]
            for place in todo:
                _begin(study, draws.trials[place])
            outcomes = parallel(delayed(_run_trial)(search, place, drawn[place]) for place in todo)
            for place, (state, value) in zip(todo, outcomes, strict=True):
                _trial(study, place).set_user_attr(SEAL, _seal(study.trials[place], state, value))
                study.tell(place, value, state)
                log_trial(study, place)
            for place in places:
                _tell(draws, study.trials[place])
            bar.update(len(todo))
    return result_of(study.trials[: len(draws.trials)], search)


def say_what_is_done(trials: Sequence[FrozenTrial], search: Search) -> int:
    """Log how many trials of a search are finished, and return it."""
    finished, given = sum(trial.state.is_finished() for trial in trials), search.parameters
    if finished:
        logger.info("Search: %d of %d trials are done already.", finished, given.n_trials)
    if finished == given.n_trials:
        again = given.attempt + 1
        logger.info("To search again: --params=%s.attempt=%d; for other trials: another seed.", search.key, again)
    return finished


def _is_finished(study: optuna.Study, drawn: FrozenTrial, search: Search) -> bool:
    """Tell whether a trial has ended; its hyperparameters in the database must be those that were drawn."""
    known = study.trials[drawn.number : drawn.number + 1]
    if known and known[0].params != drawn.params:
        raise search.damaged(f"trial {drawn.number} has other hyperparameters than are drawn for it")
    if not known or not known[0].state.is_finished():
        return False
    if known[0].user_attrs.get(SEAL) != _seal(known[0], known[0].state, known[0].value):
        raise search.damaged(f"trial {drawn.number} has other values than were measured")
    return True


def _seal(trial: FrozenTrial, state: TrialState, value: float | None) -> str:
    """Return a hash of a trial's result; for a pruned trial Optuna itself sets the value."""
    return fingerprint(state.name, value if state == TrialState.COMPLETE else None, trial.intermediate_values)


def _begin(study: optuna.Study, drawn: FrozenTrial) -> None:
    """Put a trial into the database under its number; or note that it was interrupted."""
    trials = study.trials
    if drawn.number == len(trials):
        study.add_trial(
            optuna.create_trial(state=TrialState.RUNNING, params=drawn.params, distributions=drawn.distributions)
        )
        return
    logger.info("Search: trial %d was cut off; it is run again.", drawn.number)
    times = trials[drawn.number].user_attrs.get(CUT_OFF, 0) + 1
    _trial(study, drawn.number).set_user_attr(CUT_OFF, times)


def _trial(study: optuna.Study, place: int) -> optuna.Trial:
    return optuna.Trial(study, study.trials[place]._trial_id)


def _tell(draws: optuna.Study, known: FrozenTrial) -> None:
    trial = _trial(draws, known.number)
    for step, value in sorted(known.intermediate_values.items()):
        trial.report(value, step)
    draws.tell(known.number, known.value if known.state == TrialState.COMPLETE else None, known.state)


def result_of(trials: Sequence[FrozenTrial], search: Search) -> optuna.Study:
    """Return a study in memory of these trials alone.

    Raises:
        StudyError: none of them gave a value.
    """
    result = optuna.create_study(direction=direction_of(search.metric))
    result.add_trials(trials)
    if not result.get_trials(states=(TrialState.COMPLETE,)):
        raise StudyError(
            f"No trial of the search gave a value; the last error: {_last_error(result)}\n"
            f"  The trials are kept. Correct the cause, then search again: --params={search.key}.attempt=…"
        )
    return result


def _run_trial(search: Search, place: int, hyperparameters: Hyperparameters) -> Outcome:
    """Run one trial in this process; each epoch is reported to the database, and the caller reports the result."""
    study = _open(search, begun=True)
    known = study.trials[place].intermediate_values  # before it was cut off
    return measure(_trial(study, place), hyperparameters, search, known)


def measure(
    trial: optuna.Trial, hyperparameters: Hyperparameters, search: Search, known: Collection[int] = ()
) -> Outcome:
    """Return the result of a trial; report each epoch that is not ``known``, and finally its seconds and error."""
    start = perf_counter()

    def on_epoch(epoch: int, metrics: dict[str, Any]) -> None:
        if epoch - 1 not in known:
            trial.report(metrics[search.metric], epoch - 1)  # Optuna counts steps from 0
        if epoch < hyperparameters.num_train_epochs and trial.should_prune():
            raise optuna.TrialPruned

    try:
        value = float(search.objective(hyperparameters, on_epoch))
        if math.isnan(value):
            raise StudyError(f"{search.metric} is NaN.")
    except optuna.TrialPruned:
        return TrialState.PRUNED, None
    except CAUGHT as error:
        trial.set_user_attr("error", str(error))
        return TrialState.FAIL, None
    finally:
        trial.set_user_attr("seconds", perf_counter() - start)
    return TrialState.COMPLETE, value


def _open(search: Search, begun: bool = False) -> optuna.Study:
    """Open the study in the database, or create both; if it is ``begun`` nothing is checked.

    SQLite gets the path unchanged, not in a URL, which would end at a ? or #.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path, new = search.database, not search.database.exists()
    connect = partial(sqlite3.connect, path, check_same_thread=False)
    try:
        storage = optuna.storages.RDBStorage(
            "sqlite:///study",
            engine_kwargs={"creator": connect},
            skip_compatibility_check=begun,
            skip_table_creation=begun,
        )
    except Exception:
        if new:  # without all of its tables it would be taken for damaged
            path.unlink(missing_ok=True)
        raise
    return optuna.create_study(**search.of_optuna(study_name=search.name, storage=storage, load_if_exists=True))


def pruner_of(search: SearchParameters) -> optuna.pruners.BasePruner:
    """Return the pruner that the parameters describe."""
    chosen = search.pruner
    if isinstance(chosen, Hyperband):
        return optuna.pruners.HyperbandPruner(
            chosen.min_resource, search.space.num_train_epochs.high, chosen.reduction_factor
        )
    return optuna.pruners.MedianPruner(chosen.n_startup_trials, chosen.n_warmup_steps, chosen.interval_steps)


def _check_database(search: Search) -> None:
    if not search.database.exists():
        return
    try:
        with sqlite3.connect(search.database) as database:
            (verdict,) = database.execute("PRAGMA quick_check").fetchone()
            tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except sqlite3.DatabaseError as error:
        verdict, tables = str(error), 0
    if verdict != "ok" or not tables:
        raise search.damaged(verdict if verdict != "ok" else "it is empty")


def epochs_begun(trial: FrozenTrial) -> int:
    """Return the number of epochs that a trial has begun; a failed or interrupted trial has begun one more."""
    ended = len(trial.intermediate_values)
    failed = trial.state == TrialState.FAIL and ended < trial.params.get("num_train_epochs", 0)  # 0: not drawn yet
    return ended + failed + int(trial.user_attrs.get(CUT_OFF, 0))


def warn_if_pruner_is_idle(search: SearchParameters) -> None:
    """Warn if no trial is long enough for the pruner."""
    if not search.pruner_can_fire:
        logger.warning(
            "The pruner cannot stop any trial: it waits for %s; the search has %d trials of at most %d epochs.",
            search.pruner.waits_for,
            search.n_trials,
            search.space.num_train_epochs.high,
        )


def log_trial(study: optuna.Study, place: int) -> None:
    """Log how a trial has ended, and the best value so far."""
    trial = study.trials[place]
    value = "" if trial.value is None else f" {trial.value:.4f}"
    finished = [t for t in study.trials if t.state == TrialState.COMPLETE]
    best = f", best so far {study.best_value:.4f}" if finished else ""
    logger.info("Search: trial %d %s%s%s", trial.number, trial.state.name.lower(), value, best)


def _last_error(study: optuna.Study) -> str:
    return next((t.user_attrs["error"] for t in reversed(study.trials) if "error" in t.user_attrs), "all were pruned")


def trials_table(study: optuna.Study) -> pd.DataFrame:
    """Return one row per trial: number, state, value, seconds, epochs begun, the hyperparameters, values by epoch.

    The seconds of a trial that was interrupted and run again are those of the last time.
    """
    rows = [
        {
            "number": trial.number,
            "state": trial.state.name,
            "value": trial.value,
            "seconds": trial.user_attrs.get("seconds"),
            "epochs": epochs_begun(trial),
            **trial.params,
            "value_by_epoch": " ".join(f"{value:.4f}" for _, value in sorted(trial.intermediate_values.items())),
        }
        for trial in study.trials
    ]
    return pd.DataFrame(rows)
