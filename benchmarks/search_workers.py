"""Measure what a trial costs in a search by one worker and by two: ``python -m benchmarks.search_workers URL``.

The workers are ``kedro run`` in copies of the project, on the sample. Each command is given twice: what the second one
takes, which finds nothing left to do, is taken off the first. URL: a PostgreSQL database; its password in PGPASSWORD.
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


def run(folders: list[Path], *options: str) -> tuple[float, float]:
    """Give a command in each folder at once; return the CPU and wall seconds of all."""
    start, command = perf_counter(), [sys.executable, "-m", "kedro", "run", *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    begun = [subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL) for folder in folders]
    ended = [os.wait4(one.pid, 0) for one in begun]
    if any(status for _, status, _ in ended):
        raise SystemExit(f"kedro run {' '.join(options)} failed")
    return sum(usage.ru_utime + usage.ru_stime for *_, usage in ended), perf_counter() - start


def main() -> None:
    """Print a line for each number of workers, in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folders = [copy_project(Path(place) / str(number), PROJECT) for number in range(2)]
        run(folders, "--pipelines=feature_extraction")
        for attempt in range(asked.rounds):
            for workers in (0, 1, 2):  # 0: one, without a database
                given = [f"n_trials={asked.trials}", f"attempt={time_ns() // 10**6 + attempt}", "processes=1"]
                given += ["trials_at_once=1", *(f"space.{one}" for one in SPACE)]
                given += [f"storage={asked.url}"] if workers else []
                params = ",".join(f"hyperparameter_search.{one}" for one in given)
                options = ("--nodes=hyperparameter_search.search", f"--params={params}")
                (cpu, wall), (nothing, _) = (run(folders[: workers or 1], *options) for _ in range(2))
                who = f"{workers} workers" if workers else "no database"
                print(f"{who}: {(cpu - nothing) / asked.trials:.3f} CPU s a trial, {wall:.1f} s in all", flush=True)


if __name__ == "__main__":
    main()
