"""The kill bench: its power cut loses what was not synced, its comparison sees what differs; and 20 kills."""

import json
import subprocess
import sys

import pytest
from benchmarks.equal import Reference
from tests.conftest import PROJECT
from tests.projects import ENVIRONMENT

# In one light process that forks: each child writes, is killed at one operation, and then the power goes.
CUTS = """
import os, shutil, sys
from pathlib import Path
from random import Random
from signal import SIGKILL
from benchmarks.power import Journal, cut_power, state_of
from tweet_sentiment.storage import atomic_write, restore

def careless(path):
    path.write_text("new" * 100)
    (path.parent / "other").write_text("x")

def careful(path):
    with atomic_write(path) as new:
        new.write_text("new" * 100)

def folder(path):
    with atomic_write(path) as new:
        new.mkdir()
        (new / "weights").write_text("new" * 100)

write, root = globals()[sys.argv[1]], Path(sys.argv[2])
found = set()
for at in range(1, 30):
    for seed in range(6):
        shutil.rmtree(root, ignore_errors=True)
        place, kept, record = root / "place", root / "kept", root / "record"
        kept.mkdir(parents=True)
        place.mkdir()
        path = place / "it"
        path.mkdir() if write is folder else path.write_text("old")
        if write is folder:
            (path / "weights").write_text("old")
        before = state_of(place)
        if not (child := os.fork()):
            Journal(place, record, kept, at, SIGKILL).install()
            write(path)
            os._exit(0)
        killed = os.waitpid(child, 0)[1]
        if record.exists():
            cut_power(place, record, kept, before, Random(seed))
        restore(path)
        file = path / "weights" if write is folder else path
        found.add(file.read_text() if file.exists() else None)
    if not killed:
        break
print(*sorted({"new" if one == "new" * 100 else str(one)[:3] if one in (None, "old") else "half" for one in found}))
"""


@pytest.mark.parametrize(("how", "left"), [("careless", "half new"), ("careful", "new old"), ("folder", "new old")])
def test_a_power_cut_leaves_the_old_or_the_new_of_what_is_written_atomically_and_halves_the_rest(tmp_path, how, left):
    environment = ENVIRONMENT | {"PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT}"}
    done = subprocess.run(
        [sys.executable, "-c", CUTS, how, str(tmp_path)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert set(left.split()) <= set(done.stdout.split()) <= set(left.split()) | {"old"}, done.stdout


def test_the_comparison_passes_over_times_and_names_what_differs_is_missing_or_is_left_over(tmp_path):
    def run(name, seconds, accuracy, **more):
        folder = tmp_path / name / "data/08_reporting"
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps({"accuracy": accuracy, "seconds": seconds, "stamp": seconds}))
        (folder / "table.csv").write_text(f"technique,seconds\nlora,{seconds}\n")
        for file, text in more.items():
            (folder / file).write_text(text)
        return tmp_path / name

    reference = Reference(run("one", 1, 0.5, report="a"), run("two", 2, 0.5, report="a"))
    alike, other = run("alike", 3, 0.5, report="a"), run("other", 1, 0.6, left="b")
    assert (reference.differences(alike), reference.more(alike)) == ([], [])
    assert reference.differences(other) == [
        "data/08_reporting/report is missing",
        "data/08_reporting/metrics.json: /accuracy is 0.6, was 0.5",
    ]
    assert reference.more(other) == ["data/08_reporting/left"]


@pytest.mark.slow
def test_whatever_is_killed_goes_on_to_the_same_results_and_leaves_nothing(finished, tmp_path):
    names = ["hyperparameter_search", "layer_unfreezing", "logistic_regression", "reporting"]
    names += [f"predict to .{suffix}" for suffix in ("csv", "parquet", "jsonl")]
    options = [f"--only={name}" for name in names]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.kills", "-n", "20", "--study", str(finished), *options],
        cwd=PROJECT,
        env=ENVIRONMENT | {"PYTHONPATH": str(PROJECT / "src"), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 kills, 20 of them without a fault" in done.stdout
