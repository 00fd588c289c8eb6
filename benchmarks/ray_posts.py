"""Measure what a post costs on Ray and by the local engine, in CPU seconds: ``python -m benchmarks.ray_posts``.

A command is given for few posts and for many; what more posts cost more is the cost per post, the rest that of the
start. Counted is every process that the command starts, Ray's own included, each by what ``/proc`` said last of it: a
poll of 50 ms is what can be missing. The encoder is the embedded one, not trained; no text comes twice.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import sleep
from uuid import uuid4

from tests.conftest import raw_parameters, validate_parameters
from tests.predictor.conftest import save_plain

from benchmarks.machine import processor
from benchmarks.task import PROJECT

ENGINES = {"local": (), "ray": ("--engine=ray", "--actors=2")}
MARK = "MEASURED_BY"
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(command: list[str]) -> float:
    """Run a command; return the CPU seconds of all processes that it or its children start.

    Raises:
        SystemExit: it failed.
    """
    mark = uuid4().hex
    environment = os.environ | {"OMP_NUM_THREADS": "1", MARK: mark}
    spent: dict[tuple[str, str], int] = {}
    with tempfile.TemporaryFile() as said:
        running = subprocess.Popen(command, env=environment, cwd=PROJECT, stdout=said, stderr=said)
        ours: dict[str, bool] = {}
        while running.poll() is None or any(Path("/proc", one).exists() for one, is_ours in ours.items() if is_ours):
            for process in filter(str.isdigit, os.listdir("/proc")):
                try:
                    if process not in ours and (environ := Path("/proc", process, "environ").read_bytes()):
                        ours[process] = f"{MARK}={mark}".encode() in environ
                    if ours.get(process):
                        fields = Path("/proc", process, "stat").read_text("utf-8").rpartition(")")[2].split()
                        spent[process, fields[19]] = int(fields[11]) + int(fields[12])  # since when, user and system
                except OSError:
                    continue
            sleep(0.05)
        if running.returncode:
            said.seek(0)
            raise SystemExit(said.read().decode())
    return sum(spent.values()) / TICK


def write_posts(path: Path, rows: int) -> None:
    """Write so many different posts, made of the sample's."""
    with (PROJECT / "data/01_raw/sample_training.csv").open(encoding="utf-8", newline="") as file:
        texts = [" ".join(row[-1].replace('"', "'").split()) for row in csv.reader(file)][1:]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text"], *([f"{texts[row % len(texts)]} {row}"] for row in range(rows))])


def main() -> None:
    """Print a line for each round and engine, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=5_000)
    parser.add_argument("--many", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {engine: [] for engine in ENGINES}
    with tempfile.TemporaryDirectory() as place:
        model = save_plain(validate_parameters(raw_parameters()), Path(place) / "model")
        for rows in (asked.few, asked.many):
            write_posts(Path(place) / f"{rows}.csv", rows)
        for number in range(asked.rounds):
            for engine, options in ENGINES.items():
                seconds = {}
                for rows in (asked.few, asked.many):
                    given = [f"--csv={place}/{rows}.csv", f"--output={place}/{engine}_{number}_{rows}.parquet"]
                    given += ["--text-column=text", f"--model={model}", "--device=cpu", "--precision=fp32", *options]
                    seconds[rows] = cpu_seconds([sys.executable, "-m", "kedro", "predict", *given])
                per_post = (seconds[asked.many] - seconds[asked.few]) / (asked.many - asked.few)
                found[engine].append((per_post, seconds[asked.few] - asked.few * per_post))
                print(
                    f"{engine}: {1000 * per_post:.3f} CPU ms a post, {found[engine][-1][1]:.1f} s to start", flush=True
                )
    for engine, values in found.items():
        per_post, start = (median(column) for column in zip(*values, strict=True))
        print(f"median of {engine}: {1000 * per_post:.3f} CPU ms a post, {start:.1f} s to start")
    ratios = [ray / local for (ray, _), (local, _) in zip(found["ray"], found["local"], strict=True)]
    print(
        f"Ray takes {median(ratios):.2f} times the local engine per post ({', '.join(f'{one:.2f}' for one in ratios)})"
    )
    print(processor())


if __name__ == "__main__":
    main()
