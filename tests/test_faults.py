"""What goes wrong while a user runs the study: a status, one message, no traceback, and nothing of before is changed."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
    """Return what a run that failed says below its log, and check that it is for people."""
    assert "Traceback" not in done.stdout + done.stderr
    said = done.stderr.strip().splitlines()
    assert said, "nothing was said"
    return "\n".join(said)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--params=data.training_file=data/01_raw/nothing.csv"], r"data/01_raw/nothing\.csv.*"),
        (["--params=training.lerning_rate=0.1"], r"training\.lerning_rate: no such parameter"),
        (["--params=model.max_length=600"], r"model\.max_length: .*found 600"),
        (["--params=device=cuda:63"], r"device is cuda:63, but this machine has .*set device=cpu or device=auto"),
        (["--params=fp16=true"], r"fp16 needs a CUDA device, device is cpu: set fp16=false"),
        (["--params=labels=[Negative]"], r"labels: "),
    ],
    ids=["missing file", "unknown key", "illegal value", "absent device", "fp16 on the CPU", "one label"],
)
def test_a_mistake_is_one_message_and_changes_nothing(project, arguments, expected):
    before = outputs(project)
    done = kedro(project, "run", "--env=test", "--pipelines=baseline", *arguments)
    assert done.returncode == 1
    assert re.search(expected, message(done))
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


def test_ctrl_c_before_anything_runs_is_no_traceback_either(project):
    before = outputs(project)
    status, said = interrupted(project, r"read.*…")
    assert status == 130, said
    assert "Traceback" not in said
    assert {path: outputs(project).get(path) for path in before} == before
