"""Two runs at once: those of two techniques go side by side; one that writes what the other uses is refused."""

import fcntl
import os
import signal
import subprocess
import time

import pytest

from tests.projects import ENVIRONMENT, KEDRO, kedro_here, message, run, small_project

LOCKS = "data/08_reporting/test/leak_free"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = small_project(tmp_path_factory.mktemp("side_by_side") / "project")
    run(project, "--pipelines=data_processing")
    return project


def technique(name):
    return ("run", "--env=test", f"--pipelines={name}", f"--namespaces={name}")


def is_held(path) -> bool:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.slow
def test_while_one_technique_trains_another_does_and_what_the_first_uses_is_not_written(project):
    lora = subprocess.Popen([KEDRO, *technique("lora")], cwd=project, env=ENVIRONMENT, stderr=subprocess.PIPE)
    try:
        while not is_held(project / LOCKS / ".lock.lora"):
            assert lora.poll() is None, lora.stderr.read()
            time.sleep(0.05)
        os.kill(lora.pid, signal.SIGSTOP)
        done = kedro_here(project, *technique("p_tuning"))
        assert done.returncode == 0, done.stderr
        assert (project / LOCKS / "p_tuning/metrics.json").is_file()
        again = message(kedro_here(project, *technique("lora")))
        assert f"Another run is writing to {LOCKS}: lora." in again
        assert "--params=run=<name>" in again
        for pipeline in ("data_processing", "reporting", "p_tuning"):
            refused = message(kedro_here(project, "run", "--env=test", f"--pipelines={pipeline}"))
            assert f"Another run is reading from {LOCKS}." in refused
    finally:
        os.kill(lora.pid, signal.SIGCONT)
    _, said = lora.communicate()
    assert lora.returncode == 0, said
    assert (project / LOCKS / "lora/metrics.json").is_file()
    run(project, "--pipelines=reporting")


def test_a_run_that_reads_what_another_technique_writes_waits_for_it(project):
    with (project / LOCKS / ".lock.lora").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        refused = message(kedro_here(project, *technique("ensemble"), "--params=ensemble.members=[lora,p_tuning]"))
    assert f"Another run is writing to {LOCKS}: lora." in refused
