"""Measure what a trial costs in a search by one worker and by two: ``python -m benchmarks.search_workers URL``.

The workers are ``kedro run`` in copies of the project, on the sample; counted are the CPU seconds of the search alone,
in the training of the trials and around it: drawing, the database, signs of life, waiting for the other worker. URL: a
PostgreSQL database; its password in PGPASSWORD.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, time_ns

from tests.projects import copy_project

from benchmarks.task import PROJECT

SPACE = ["num_train_epochs.low=8", "num_train_epochs.high=8", "per_device_train_batch_size=[16]"]  # trials cost alike
COUNTED = """
import sys
from time import process_time, thread_time
from kedro.framework.cli.cli import main
from tweet_sentiment.pipelines.search import study, workers
from tweet_sentiment.pipelines.search.objective import Objective

training, train = 0.0, Objective.__call__

def trained(objective, hyperparameters, on_epoch):
    def reported(*given):
        nonlocal around
        start = thread_time()
        try:
            on_epoch(*given)
        finally:
            around += thread_time() - start
    global training
    around, start = 0.0, thread_time()
    try:
        return train(objective, hyperparameters, reported)
    finally:
        training += thread_time() - start - around

def counted(find):
    def search(*given, **named):
        start = process_time()
        found = find(*given, **named)
        print(training, process_time() - start - training)
        return found
    return search

Objective.__call__ = trained
study.run_study, workers.share_study = counted(study.run_study), counted(workers.share_study)
sys.argv[0] = "kedro"
main()
"""


def run(folders: list[Path], *options: str) -> list[float]:
    """Give a command in each folder at once; return the CPU seconds of all, of training and around it."""
    command, environment = [sys.executable, "-c", COUNTED, "run", *options], os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    begun = [subprocess.Popen(command, cwd=folder, env=environment, **pipes) for folder in folders]
    said = [one.communicate() for one in begun]
    for one, (_, error) in zip(begun, said, strict=True):
        if one.returncode:
            raise SystemExit(error)
    counts = [list(map(float, out.split()[-2:])) for out, _ in said if out.strip()]
    return [sum(column) for column in zip(*counts, strict=True)]


def search(folders: list[Path], workers: int, trials: int, url: str) -> str:
    """Search with so many workers, 0 for one without a database; return the figures in a line."""
    given = [f"n_trials={trials}", f"attempt={time_ns() // 10**6}", "processes=1", "trials_at_once=1"]
    given += [*(f"space.{one}" for one in SPACE), *([f"storage={url}"] if workers else [])]
    params = ",".join(f"hyperparameter_search.{one}" for one in given)
    start, options = perf_counter(), ("--nodes=hyperparameter_search.search", f"--params={params}")
    training, around = (seconds / trials for seconds in run(folders[: workers or 1], *options))
    who = f"{workers} workers" if workers else "no database"
    wall = perf_counter() - start
    return f"{who}: {training + around:.3f} CPU s a trial, {around:.3f} of them around training; {wall:.0f} s in all"


def main() -> None:
    """Print a line for each number of workers, in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folders = [copy_project(Path(place) / str(number), PROJECT) for number in range(2)]
        run(folders, "--pipelines=feature_extraction")
        for _ in range(asked.rounds):
            for workers in (0, 1, 2):
                print(search(folders, workers, asked.trials, asked.url), flush=True)


if __name__ == "__main__":
    main()
