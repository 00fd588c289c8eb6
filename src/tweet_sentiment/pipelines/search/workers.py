"""A search by many workers: one Optuna study in PostgreSQL; each worker runs trials until there are enough."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import sleep
from typing import Any

import optuna
from joblib import Parallel, delayed
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import DBAPIError

from tweet_sentiment.errors import StudyError, extra
from tweet_sentiment.pipelines.search.study import (
    CUT_OFF,
    Search,
    epochs_begun,
    log_trial,
    logger,
    measure,
    result_of,
    say_what_is_done,
    suggest,
    warn_if_pruner_is_idle,
)
from tweet_sentiment.progress import progress_bar

HEARTBEAT = 20  # seconds between two signs of life of a trial
SILENCE = 90  # seconds without one after which a trial is run again
RETRIES = 3  # of a trial whose workers die; then it has failed
WAIT = 2  # seconds between two looks at the trials of others
CONNECT = 10  # seconds
OPENING = 7_209_065  # the number of the lock on the database while a study is opened
SURPLUS = "surplus"

retried_from = RetryHeartbeatStaleTrialCallback.retry_history


class _Ended(Exception):
    """Ends a trial as failed, because its objective has raised or there are enough trials."""


def share_study(search: Search) -> optuna.Study:
    """Run trials of the study in the search's ``storage`` with other workers; return it when all trials have ended.

    A worker is one of ``processes`` of any command with the same ``name`` and a ``folder`` of the same name, which
    identify everything that trials depend on. Optuna's ``TPESampler`` draws each trial with its own seed, from the
    results so far: the first ten trials are the same in every search, later ones are not. Each worker returns the same
    study, with exactly ``n_trials`` trials: if several workers start too many at once, the surplus ends before it
    computes.

    A running trial gives a sign of life every ``HEARTBEAT`` seconds. A trial that gives none for ``SILENCE`` seconds
    ends, and a free worker runs it again with the same hyperparameters; a worker ends no other worker's trial
    otherwise. Ctrl-C, SIGTERM and errors outside the trial hand it on at once.

    Raises:
        StudyError: the database does not answer, its driver is not installed, or no trial gave a value.
    """
    warn_if_pruner_is_idle(search.parameters)
    with _naming(str(search.parameters.storage), search.key):
        study = _open(search)
        logger.info("Search: study %s in %s.", study.study_name, search.parameters.storage)
        left = search.parameters.n_trials - say_what_is_done(_standing(study.trials), search)
        with progress_bar("Search", left, "trials") as bar, _following(study, bar):
            Parallel(search.processes, mmap_mode="r")([delayed(_work)(search)] * search.processes)
        return _result(study.trials, search)


def check_database(url: str, key: str) -> None:
    """Open and close a connection, to check it.

    Raises:
        StudyError: nothing answers at the URL, it refuses, or the driver is not installed.
    """
    with extra("postgres", f"{key}.storage ({url})"):
        import psycopg  # noqa: F401
    with _naming(url, key):
        _connect(url).close()


def _connect(url: str) -> Any:
    import psycopg

    return psycopg.connect(url, connect_timeout=CONNECT)


@contextmanager
def _naming(url: str, key: str) -> Iterator[None]:
    from psycopg import OperationalError

    try:
        yield
    except (StorageInternalError, DBAPIError, OperationalError) as error:
        said = " ".join(str(error.__cause__ or error).partition("\n[SQL")[0].split())
        raise StudyError(
            f"{key}.storage: no connection to {url} ({said}).\n"
            "  Start the server, set its password in PGPASSWORD or ~/.pgpass, and run the same command again."
        ) from error


def _open(search: Search) -> optuna.Study:
    """Open or create the study, one worker at a time, since each would create the tables."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=ExperimentalWarning)
    url, name = str(search.parameters.storage), f"{search.name}-{search.folder.name}"
    with _connect(url) as alone:
        alone.execute("SELECT pg_advisory_xact_lock(%s)", [OPENING])
        storage = optuna.storages.RDBStorage(
            url.replace("postgresql:", "postgresql+psycopg:", 1),
            engine_kwargs={"pool_pre_ping": True, "connect_args": {"connect_timeout": CONNECT}},
            heartbeat_interval=HEARTBEAT,
            grace_period=SILENCE,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(RETRIES),
        )
        return optuna.create_study(**search.of_optuna(study_name=name, storage=storage, load_if_exists=True))


@contextmanager
def _following(study: optuna.Study, bar: Any) -> Iterator[None]:
    """Log each trial that ends, whichever worker runs it."""
    known, end = {trial.number for trial in study.trials if trial.state.is_finished()}, Event()

    def follow() -> None:
        over = False
        while not over:
            over = end.wait(WAIT)
            with suppress(StorageInternalError):  # the worker tells
                for trial in _standing(study.trials):
                    if trial.state.is_finished() and trial.number not in known:
                        known.add(trial.number)
                        log_trial(study, trial.number)
                        bar.update(1)

    thread = Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _standing(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials, without those that were run again or were not needed."""
    again = {number for trial in trials for number in retried_from(trial)}
    return [trial for trial in trials if trial.number not in again and SURPLUS not in trial.user_attrs]


def _result(trials: list[FrozenTrial], search: Search) -> optuna.Study:
    """Return a study of the valid trials; a trial that was run again has the lost epochs in ``CUT_OFF``."""
    standing = _standing(trials)
    for trial in standing:
        trial.user_attrs[CUT_OFF] = sum(epochs_begun(trials[number]) for number in retried_from(trial))
    return result_of(standing, search)


def _work(search: Search) -> None:
    """Run trials, one after another, until there are enough and none is running any more."""
    study, given = _open(search), search.parameters
    mine: int | None = None
    seen = set[int]()

    def has_room(trials: list[FrozenTrial]) -> bool:
        return len(_standing(trials)) < given.n_trials and not search.budget_reached(trials)

    def run(trial: optuna.Trial) -> float:
        nonlocal mine
        mine = trial.number
        trials = study.get_trials(deepcopy=False)
        if not retried_from(trials[mine]) and not has_room(trials[:mine]):
            trial.set_user_attr(SURPLUS, True)
            raise _Ended
        study.sampler = optuna.samplers.TPESampler(seed=(search.seed + mine) % 2**32, constant_liar=True)
        state, value = measure(trial, suggest(trial, given.space), search)
        if state == TrialState.PRUNED:
            raise optuna.TrialPruned
        if value is None:
            raise _Ended
        return value

    while True:
        fail_stale_trials(study)
        trials = study.get_trials(deepcopy=False)
        running = [trial for trial in trials if trial.state == TrialState.RUNNING]
        if has_room(trials) or any(trial.state == TrialState.WAITING for trial in trials):
            mine = None
            try:
                study.optimize(run, n_trials=1, catch=_Ended)
            except ValueError:  # of an ended trial Optuna takes no value
                if mine is None or not study.trials[mine].state.is_finished():
                    raise
                logger.warning("Search: trial %d gave no sign of life for %d s; another runs it.", mine, SILENCE)
            except BaseException:
                _hand_on(study, mine)
                raise
        elif not running:
            return
        else:
            for trial in running:
                if trial.number not in seen:  # its worker may have died before the first sign of life
                    seen.add(trial.number)
                    study._storage.record_heartbeat(trial._trial_id)  # type: ignore[attr-defined]
            sleep(WAIT)


def _hand_on(study: optuna.Study, number: int | None) -> None:
    with suppress(StorageInternalError):
        if number is not None and study.trials[number].state == TrialState.FAIL:
            RetryHeartbeatStaleTrialCallback(RETRIES)(study, study.trials[number])
