"""A search by several workers on a PostgreSQL server of the tests' own: by a formula, and by whole commands."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.conftest import PROJECT
from tests.pipelines.search.test_study import HYPERBAND, PRUNING, breaking, outcomes, settings, states, train
from tests.projects import KEDRO, kedro_here, message, small_project

from tweet_sentiment.errors import StudyError
from tweet_sentiment.pipelines.search import workers
from tweet_sentiment.pipelines.search.study import trials_table

psycopg = pytest.importorskip("psycopg", reason="the extra postgres is not installed")
pytestmark = pytest.mark.slow
PASSWORD = "never-to-be-shown"
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))[-1:] or [Path(shutil.which("initdb") or "initdb")]


@pytest.fixture(scope="module")
def server():
    """The URL of a server's database; it runs as another user where this one is root, as its programs ask for."""
    binaries = BINARIES[0].parent
    if not BINARIES[0].is_file():
        pytest.skip("PostgreSQL's initdb is not installed")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    (folder / "password").write_text(PASSWORD, encoding="utf-8")
    user = next((name for name in ("postgres", "nobody") if shutil.which("runuser") and os.getuid() == 0), None)
    as_user = ["runuser", "-u", user, "--"] if user else []
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]

    def do(program, *options):
        subprocess.run([*as_user, binaries / program, "-D", folder / "data", *options], check=True, capture_output=True)

    try:
        if user:
            for path in (folder, folder / "password"):
                shutil.chown(path, user)
        do("initdb", "-U", "ada", "-A", "scram-sha-256", f"--pwfile={folder / 'password'}", "--no-sync")
        listens = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        do("pg_ctl", "start", "-w", "-l", folder / "log", "-o", listens)
        try:
            yield f"postgresql://ada@127.0.0.1:{port}/postgres"
        finally:
            do("pg_ctl", "stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def database(server, monkeypatch):
    """The URL of an empty database, and the password where workers look for it."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    name = f"study_{os.urandom(4).hex()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres", f"/{name}").replace("postgresql:/postgres", "postgresql://postgres")


def rows(database, query):
    with psycopg.connect(database) as connection:
        return connection.execute(query).fetchall()


WORKER = """
import json, os, sys, time
from pathlib import Path
from tests.pipelines.search import test_study as here
from tweet_sentiment.pipelines.search import workers
workers.HEARTBEAT, workers.SILENCE, workers.WAIT = 1, 4, 0.2
url, journal, asked = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
begun = 0

def note(*what):
    with journal.open("a", encoding="utf-8") as file:
        file.write(json.dumps([os.getpid(), *what]) + "\\n")

def objective(hyperparameters, on_epoch):
    global begun
    begun += 1
    note("begins", hyperparameters.learning_rate)
    on_epoch(1, {"accuracy": here.value(hyperparameters, 1)})
    time.sleep(asked.get("seconds", 0.2))
    if begun == asked.get("struck_in"):
        os.kill(os.getpid(), asked["by"])
    found = here.train(hyperparameters, lambda epoch, metrics: epoch == 1 or on_epoch(epoch, metrics))
    note("ends", hyperparameters.learning_rate)
    return found

search = here.settings(asked["n_trials"], storage=url)
given = (Path("search-0123"), "formula", search, objective, 42, "accuracy", "hyperparameter_search")
study = workers.share_study(workers.Search(*given, processes=asked.get("processes", 1)))
print(json.dumps([study.best_value, here.states(study), here.trials_table(study)["epochs"].tolist()]))
"""
N = 12


@pytest.fixture
def start(database, tmp_path):
    """Start a worker; what its objective does is in the journal."""
    begun = []

    def worker(**asked):
        command = [sys.executable, "-c", WORKER, database, tmp_path / "journal", json.dumps(asked)]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        begun.append(subprocess.Popen(command, cwd=PROJECT, **streams))
        return begun[-1]

    yield worker
    for one in begun:
        one.kill()


def found(worker):
    """Return best value, states and epochs of the study that a worker came back with."""
    out, err = worker.communicate(timeout=240)
    assert worker.returncode == 0, err
    assert PASSWORD not in out + err
    return json.loads(out)


def noted(tmp_path):
    return [json.loads(line) for line in (tmp_path / "journal").read_text(encoding="utf-8").splitlines()]


def check(database, tmp_path, n_trials, best):
    """Every trial has ended, so many came to their end, none twice at once, and the best is the study's."""
    assert not rows(database, "SELECT 1 FROM trials WHERE state IN ('RUNNING', 'WAITING')")
    complete = "FROM trial_values JOIN trials USING (trial_id) WHERE state = 'COMPLETE'"
    assert rows(database, f"SELECT count(*), max(value) {complete}") == [(n_trials, best)]
    running = {}
    for process, what, rate in noted(tmp_path):
        if what == "begins":
            assert not Path(f"/proc/{running.get(rate, 'none')}").exists()
            running[rate] = process
        else:
            assert running.pop(rate) == process


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_of_two_workers_one_dies_in_a_trial(start, database, tmp_path, by):
    dies, lives = start(n_trials=N, struck_in=3, by=by), start(n_trials=N)
    best, states, epochs = found(lives)
    assert dies.wait() == -by
    assert states == ["COMPLETE"] * N
    check(database, tmp_path, N, best)
    begins = Counter(rate for _, what, rate in noted(tmp_path) if what == "begins")
    assert sorted(begins.values()) == [1] * (N - 1) + [2]  # the same hyperparameters again
    assert found(start(n_trials=N)) == [best, states, epochs]


def test_a_trial_may_last_longer_than_a_worker_may_be_silent_and_three_workers_end_with_the_total(
    start, database, tmp_path
):
    given = [found(one) for one in [start(n_trials=4, seconds=6) for _ in range(2)] + [start(n_trials=4, processes=2)]]
    assert given[0] == given[1] == given[2]
    check(database, tmp_path, 4, given[0][0])
    assert len(noted(tmp_path)) == 8


def test_a_worker_that_was_silent_goes_on_without_its_trial(start, database, tmp_path):
    silent = start(n_trials=4, struck_in=2, by=signal.SIGSTOP)
    while not silent_now(silent):
        time.sleep(0.1)
    best, states, _ = found(start(n_trials=4))
    silent.send_signal(signal.SIGCONT)
    assert found(silent)[:2] == [best, states] == [best, ["COMPLETE"] * 4]
    assert rows(database, "SELECT count(*) FROM trials WHERE state = 'FAIL'") == [(1,)]


def silent_now(worker):
    return Path(f"/proc/{worker.pid}/stat").read_text(encoding="utf-8").split()[2] == "T"


def shared(database, n_trials, objective=train, key="hyperparameter_search", **changes):
    """Search in this process, alone."""
    given = settings(n_trials, storage=database, **changes)
    return workers.share_study(workers.Search(Path("search-0123"), "formula", given, objective, 42, "accuracy", key))


def test_a_trial_that_raises_fails_once_and_one_that_the_worker_breaks_off_is_run_again(database):
    study = shared(database, 4, breaking(2, ValueError("it diverged")))
    assert states(study) == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert study.trials[1].user_attrs["error"] == "it diverged"
    with pytest.raises(OSError, match="no space"):
        shared(database, 6, breaking(1, OSError("no space left on device")))
    longer = shared(database, 6)
    assert outcomes(longer)[:4] == outcomes(study)
    assert states(longer)[4:] == ["COMPLETE"] * 2
    begun = [trial.params["num_train_epochs"] for trial in longer.trials[4:]]
    assert trials_table(longer)["epochs"].tolist()[4:] == [
        begun[0] + 2,
        begun[1],
    ]  # an epoch, and the one it broke off in


def test_a_trial_that_every_worker_dies_of_fails_in_the_end(database):
    for _ in range(1 + workers.RETRIES):
        with pytest.raises(KeyboardInterrupt):
            shared(database, 1, breaking(1, KeyboardInterrupt()))
    with pytest.raises(StudyError, match="No trial of the search gave a value"):
        shared(database, 1)
    assert rows(database, "SELECT count(*) FROM trials") == [(1 + workers.RETRIES,)]


@pytest.mark.parametrize("pruner", [PRUNING, HYPERBAND], ids=["median", "Hyperband"])
def test_trials_are_pruned_and_no_two_are_alike(database, pruner):
    study = shared(database, 20, pruner=pruner, num_train_epochs={"low": 4, "high": 8})
    assert set(states(study)) == {"COMPLETE", "PRUNED"}
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 20


URL = "postgresql://ada@127.0.0.1:1/study"
SEARCH = ("--env=test", "--pipelines=hyperparameter_search")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return small_project(tmp_path_factory.mktemp("searching") / "project")


def test_two_commands_on_two_machines_search_together_and_each_has_everything(project, tmp_path, database):
    folders = [project, Path(shutil.copytree(project, tmp_path / "other"))]
    options = (*SEARCH, f"--params=hyperparameter_search.storage={database},hyperparameter_search.n_trials=4")
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    begun = [subprocess.Popen([KEDRO, "run", *options], cwd=folder, env=os.environ, **streams) for folder in folders]
    said = [one.communicate(timeout=300)[0] for one in begun]
    assert [one.returncode for one in begun] == [0, 0], said
    assert rows(database, "SELECT count(*) FROM studies") == [(1,)]
    assert rows(database, "SELECT count(*) FROM trials WHERE state IN ('COMPLETE', 'PRUNED')") == [(4,)]
    for name in ("hyperparameters_hyperparameter_search.json", "hyperparameter_search/model.safetensors"):
        one, other = ((folder / "data/06_models/test/leak_free" / name).read_bytes() for folder in folders)
        assert one == other
    for text in said:
        assert f"in {database}" in text
        assert PASSWORD not in text
    for path in (path for path in project.rglob("*") if path.is_file()):
        assert PASSWORD.encode() not in path.read_bytes(), path


def refused(project, url):
    said = message(kedro_here(project, "run", *SEARCH, f"--params=hyperparameter_search.storage={url}"))
    assert PASSWORD not in said
    assert not list((project / "data").glob("0[2-7]*/*"))
    return said


def test_what_keeps_a_worker_from_the_database_is_said_before_anything_is_computed(tmp_path, server, monkeypatch):
    project = small_project(tmp_path / "project")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert "no connection to postgresql://ada@127.0.0.1:1/study (connection" in refused(project, URL)
    monkeypatch.setenv("PGPASSWORD", "another")
    assert "its password in PGPASSWORD or ~/.pgpass" in refused(project, server)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "pip install 'tweet-sentiment[postgres]'" in refused(project, server)
