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

from tests.projects import ENVIRONMENT, KEDRO, kedro, kedro_here, message, outputs, run

LONG = "hyperparameter_search.n_trials=400,hyperparameter_search.space.num_train_epochs.low=2"
LOCK = "data/08_reporting/test/leak_free/.lock"


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory) -> Path:
    """A copy of the finished study; every test leaves it as it was."""
    return Path(shutil.copytree(finished, tmp_path_factory.mktemp("faults") / "project"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--params=data.training_file=data/01_raw/nothing.csv", "data/01_raw/nothing.csv"),
        ("--params=layer_unfreezing.lrr=1", "layer_unfreezing.lrr: no such parameter"),
        ("--params=model.max_length=600", "found 600"),
        ("--params=device=cuda:63", "set device=cpu or device=auto"),
        ("--pipelines=lora --nodes=lora.evaluate", "run this technique's whole pipeline first"),
        ("--nodes=linear_svc.evaluat", "does not contain nodes named ['linear_svc.evaluat']"),
        ("--pipelines=prompt", "Did you mean"),
    ],
    ids=[
        "missing file",
        "unknown key",
        "illegal value",
        "absent device",
        "input not made",
        "unknown node",
        "unknown pipeline",
    ],
)
def test_a_mistake_is_one_message_and_a_status_and_nothing_is_changed(project, arguments, said):
    before = outputs(project)
    assert message(kedro_here(project, "run", "--env=test", *arguments.split())).count(said) == 1
    assert outputs(project) == before


def test_a_process_ends_so_too_and_kedro_s_own_words_are_not_heard(project):
    before = outputs(project)
    absent = kedro(project, "run", "--env=test", "--params=model.checkpoint=distilbert-base-uncased")
    assert message(absent).count("--params=model.checkpoint=embedded") == 1
    assert "failed with error" not in absent.stderr
    assert outputs(project) == before


def test_a_damaged_model_is_named_and_no_prediction_is_replaced(project):
    weights = project / "data/06_models/test/leak_free/baseline/model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-100])
    before = outputs(project)
    try:
        done = kedro_here(project, "run", "--env=test", "--nodes=baseline.predict")
        assert "model.safetensors has changed since it was saved" in message(done)
        assert outputs(project) == before
    finally:
        weights.write_bytes(content)


def interrupted(project, when):
    """Start a long search, send SIGINT when a line of its log matches; return status and all it said."""
    process = subprocess.Popen(
        [KEDRO, "run", "--env=test", "--pipelines=hyperparameter_search", f"--params={LONG}"],
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
        said += process.communicate()[0].splitlines(keepends=True)
    finally:
        process.kill()
    return process.returncode, "".join(said)


@pytest.mark.slow
def test_ctrl_c_is_one_line_and_status_130_and_the_same_command_goes_on(study):
    before = outputs(study)
    status, said = interrupted(study, r"Search: trial 2 ")
    assert status == 130, said
    assert said.rstrip().endswith("Stopped. The same command goes on from the last checkpoint.")
    assert "Traceback" not in said
    after = outputs(study)
    kept = {path for path in before if path.suffix in (".parquet", ".safetensors", ".html", ".md")}
    assert {path: after.get(path) for path in kept} == {path: before[path] for path in kept}
    status, said = interrupted(study, r"Search: \d+ of 400 trials are done already")
    assert status == 130, said
    assert int(re.search(r"Search: (\d+) of 400 trials are done already", said)[1]) >= 3


DROPPED = """
import os, signal, sys, time
from tweet_sentiment.cli import reraise_dropped_interrupt
sys.unraisablehook = reraise_dropped_interrupt
class Dying:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(100):  # the exception is raised here, and dropped
            pass
Dying()
try:
    for _ in range(6000):  # the main thread looks for signals between its steps
        time.sleep(0.1)
    print("slept")
except KeyboardInterrupt:
    print("stopped")
"""


def test_ctrl_c_that_python_drops_in_a_destructor_is_heeded_all_the_same():
    done = subprocess.run([sys.executable, "-c", DROPPED], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("stopped\n", "")


def test_a_second_run_on_the_same_outputs_is_refused_and_on_others_it_is_not(project):
    before = outputs(project)
    with FileLock(project / LOCK):
        done = kedro_here(project, "run", "--env=test", "--nodes=baseline.evaluate")
        assert "Another run is writing to data/08_reporting/test/leak_free" in message(done)
        assert outputs(project) == before
        run(project, "--pipelines=data_processing", "--params=protocol=published")
    run(project, "--nodes=baseline.evaluate")


HOLD = """
import sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
input()
"""


def test_the_lock_of_a_process_that_was_killed_is_no_lock(project):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(project / LOCK)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Timeout):
        FileLock(project / LOCK).acquire(timeout=0)
    holder.kill()
    holder.wait()
    assert (project / LOCK).exists()
    run(project, "--nodes=baseline.evaluate")


@pytest.mark.parametrize("content", ["classical:\n  text: raw\n  text: cleaned\n", "classical: [raw\n"])
def test_yaml_that_holds_a_key_twice_or_is_broken_is_named_with_its_file(project, content):
    path = project / "conf/local/parameters_extra.yml"
    path.write_text(content)
    try:
        done = kedro_here(project, "run", "--pipelines=baseline")
    finally:
        path.unlink()
    assert "conf/local/parameters_extra.yml" in message(done)


def test_a_run_whose_model_would_not_fit_on_the_disk_is_refused_first(project, monkeypatch):
    before = outputs(project)
    used = shutil.disk_usage(project)._replace(free=10_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: used)  # filling the disk is no way to test
    done = kedro_here(project, "run", "--env=test", "--pipelines=full_fine_tuning")
    assert re.search(r"The disk has 0 MB left, and this run writes up to [\d,]+ MB of models", message(done))
    assert outputs(project) == before
