"""What goes wrong while a user runs the study: a status, one message, no traceback, earlier outputs as they were."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from tests.test_study import ENVIRONMENT, copy_project, kedro

KEDRO = str(Path(sys.executable).with_name("kedro"))
SEARCH = [
    "run",
    "--env=test",
    "--pipelines=hyperparameter_search",
    "--params=hyperparameter_search.n_trials=400,hyperparameter_search.space.num_train_epochs.low=2",
]


@pytest.fixture(scope="module")
def project(tmp_path_factory, encoder):
    """A project in which the baseline has been run."""
    folder = copy_project(tmp_path_factory.mktemp("faults") / "project", encoder)
    done = kedro(folder, "run", "--env=test", "--pipelines=baseline")
    assert done.returncode == 0, done.stderr
    return folder


def outputs(project):
    """Return every file of every layer but the raw one, and its content."""
    layers = [folder for folder in (project / "data").iterdir() if folder.name != "01_raw"]
    return {path: path.read_bytes() for layer in layers for path in layer.rglob("*") if path.is_file()}


def message(done):
    """Return what a run that failed says, and check that it is for people."""
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("data.training_file=data/01_raw/nothing.csv", "data/01_raw/nothing.csv"),
        ("layer_unfreezing.lrr=1", "layer_unfreezing.lrr: no such parameter"),
        ("model.max_length=600", "found 600"),
        ("device=cuda:63", "set device=cpu or device=auto"),
        ("model.checkpoint=distilbert-base-uncased", "--params=model.checkpoint=embedded"),
    ],
    ids=["missing file", "unknown key", "illegal value", "absent device", "absent model"],
)
def test_a_mistake_is_one_message_and_a_status_and_nothing_is_changed(project, argument, said):
    before = outputs(project)
    done = kedro(project, "run", "--env=test", "--pipelines=baseline", f"--params={argument}")
    assert done.returncode == 1
    assert message(done).count(said) == 1
    assert "failed with error" not in done.stderr  # Kedro's own words for it
    assert outputs(project) == before


def test_a_damaged_model_is_named_and_no_prediction_is_replaced(project):
    weights = project / "data/06_models/test/leak_free/baseline/model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-100])
    before = outputs(project)
    try:
        done = kedro(project, "run", "--env=test", "--nodes=baseline.predict")
        assert done.returncode == 1
        assert "model.safetensors has changed since it was saved" in message(done)
        assert outputs(project) == before
    finally:
        weights.write_bytes(content)


def interrupted(project, when):
    """Start a long search, send SIGINT when a line of its log matches; return status and all it said."""
    process = subprocess.Popen(
        [KEDRO, *SEARCH],
        cwd=project,
        env=ENVIRONMENT | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if re.search(when, line):
                break
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGINT)
        said += process.communicate(timeout=60)[0].splitlines(keepends=True)
    finally:
        process.kill()
    return process.returncode, "".join(said)


def test_ctrl_c_is_one_line_and_status_130_and_the_same_command_goes_on(project):
    before = outputs(project)
    status, said = interrupted(project, r"Search: trial 2 ")
    assert status == 130, said
    assert said.rstrip().endswith("Stopped. The same command goes on from the last checkpoint.")
    assert "Traceback" not in said
    after = outputs(project)
    assert {path: after.get(path) for path in before} == before
    status, said = interrupted(project, r"Search: \d+ of 400 trials are done already")
    assert status == 130, said
    assert int(re.search(r"Search: (\d+) of 400 trials are done already", said)[1]) >= 3


DROPPED = """
import os, signal, sys, time
from tweet_sentiment.commands.run import reraise_dropped_interrupt
sys.unraisablehook = reraise_dropped_interrupt
class Dying:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(100):  # the exception is raised here, and dropped
            pass
Dying()
try:
    time.sleep(20)
    print("slept")
except KeyboardInterrupt:
    print("stopped")
"""


def test_ctrl_c_that_python_drops_in_a_destructor_is_heeded_all_the_same():
    done = subprocess.run([sys.executable, "-c", DROPPED], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("stopped\n", "")


def test_a_second_run_on_the_same_outputs_is_refused_and_on_others_it_is_not(project):
    before = outputs(project)
    with FileLock(project / "data/08_reporting/test/leak_free/.lock"):
        done = kedro(project, "run", "--env=test", "--nodes=baseline.evaluate")
        assert done.returncode == 1
        assert "Another run is writing to data/08_reporting/test/leak_free" in message(done)
        assert outputs(project) == before
        other = kedro(project, "run", "--env=test", "--pipelines=data_processing", "--params=protocol=published")
        assert other.returncode == 0, other.stderr
    again = kedro(project, "run", "--env=test", "--nodes=baseline.evaluate")
    assert again.returncode == 0, again.stderr


HOLD = """
import sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
input()
"""


def test_the_lock_of_a_process_that_was_killed_is_no_lock(project):
    lock = project / "data/08_reporting/test/leak_free/.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Timeout):
        FileLock(lock).acquire(timeout=0)
    holder.kill()
    holder.wait()
    assert lock.exists()
    done = kedro(project, "run", "--env=test", "--nodes=baseline.evaluate")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nodes=linear_svc.evaluate"], "run this technique's whole pipeline first"),
        (["--nodes=linear_svc.evaluat"], "does not contain nodes named ['linear_svc.evaluat']"),
        (["--pipelines=prompt"], "Did you mean"),
    ],
    ids=["input not made", "unknown node", "unknown pipeline"],
)
def test_a_wrong_name_or_order_is_one_message(project, arguments, said):
    done = kedro(project, "run", "--env=test", *arguments)
    assert done.returncode == 1
    assert said in message(done)


@pytest.mark.parametrize("content", ["classical:\n  text: raw\n  text: cleaned\n", "classical: [raw\n"])
def test_yaml_that_holds_a_key_twice_or_is_broken_is_named_with_its_file(project, content):
    path = project / "conf/local/parameters_extra.yml"
    path.write_text(content)
    try:
        done = kedro(project, "run", "--pipelines=baseline")
    finally:
        path.unlink()
    assert done.returncode == 1
    assert "conf/local/parameters_extra.yml" in message(done)


def test_a_run_whose_model_would_not_fit_on_the_disk_is_refused_first(project, tmp_path):
    before = outputs(project)
    checkpoint = tmp_path / "large"
    checkpoint.mkdir()
    with (checkpoint / "model.safetensors").open("wb") as file:
        file.truncate(shutil.disk_usage(project).free + 2**32)  # sparse: it takes no room itself
    done = kedro(
        project, "run", "--env=test", "--pipelines=layer_unfreezing", f"--params=model.checkpoint={checkpoint}"
    )
    assert done.returncode == 1
    assert re.search(r"The disk has [\d,]+ MB left, and this run writes at least [\d,]+ MB of models", message(done))
    assert outputs(project) == before
