"""Measure this project beside the paper's script, in turns: ``python -m benchmarks.run`` (see ``--help``)."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from benchmarks.machine import refuse_if_busy
from benchmarks.ratios import Measured
from benchmarks.task import PROJECT, Task, measure

SIDES = {
    "encode": ["ours", "script"],
    "head": ["ours", "script"],
    "search": ["ours"],
    "prompt_tuning": ["ours", "script"],
    "prompts": ["ours"],
    "full_fine_tuning": ["ours", "script"],
}
GROWTH = (8, 4, 2)  # one part in so many of the posts; all of them: as measured
FULL_GROWTH = (64, 8, 4, 2)


def main(arguments: list[str] | None = None) -> None:
    """Run every measurement and write results.json, results.md and figure.json into ``--out``; or add to them."""
    options = _options(arguments)
    measuring = run_full if options.full else run
    with TemporaryDirectory() as folder:
        found = measuring(options, Task("data", "prepare", folder, encoder=options.encoder, trials=options.trials))
    from benchmarks.report import add_full, write  # plotly only now: the parent stays small while it measures

    for path in (add_full if options.full else write)(found, options.out):
        print(path)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    add = parser.add_argument
    add("--posts", type=int, default=2000, help="training posts (default: 2000)")
    add("--rounds", type=int, default=3, help="rounds, of which the median counts (default: 3)")
    add("--steps", type=int, default=24, help="training steps of the script, 16 posts each (default: 24)")
    add("--trials", type=int, default=40, help="trials of our search (default: 40, the paper's)")
    add("--threads", type=int, default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    add("--encoder", default="embedded", help="embedded, a hub id or a folder (default: embedded)")
    add("--only", type=lambda text: text.split(","), default=[*SIDES, "growth", "bars", "ladder", "commands"])
    add("--full", action="store_true", help="add to the results in --out: our side once on all posts, search included")
    add("--sample-run", action="store_true", help="also time `kedro run` on the sample, in a copy of the project")
    add("--out", type=Path, default=Path(__file__).parent, help="folder for the results (default: benchmarks)")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace, prepare: Task) -> dict[str, Any]:
    """Measure everything that ``options`` asks for; return the figures as they came."""
    load = refuse_if_busy(options.out, "results.json")
    data = _said("posts", prepare)
    rows = min(options.posts, data["available"]["training"])
    task = replace(prepare, rows=rows, steps=min(options.steps, rows // 16), threads=options.threads)
    measured: Measured = {}
    found: dict[str, Any] = {"settings": _settings(options, data, rows) | {"load_before": load}, "measured": measured}
    growth: list[list[dict[str, Any]]] = []
    found["matrix"], found["rates"] = [], []
    for turn in range(1, options.rounds + 1):
        for what in [what for what in SIDES if what in options.only]:
            for side in SIDES[what]:
                figures = _said(f"round {turn}", replace(task, side=side, what=what))
                measured.setdefault(what, {}).setdefault(side, []).append(figures)
        found["rates"].append(_said(f"round {turn}", replace(task, side="machine", what="rates")))
        if "encode" in options.only:
            found["matrix"].append(_said(f"round {turn}", replace(task, side="machine", what="matrix_products")))
        if "growth" in options.only and "head" in measured:
            growth.append([*_grown(task, GROWTH), _point(rows, measured["head"]["ours"][-1])])
    found["growth"] = [_middle(points) for points in zip(*growth, strict=True)]
    found["bars"] = _said("bars", replace(task, side="bars", what="bars")) if "bars" in options.only else {}
    found["ladder"] = _ladder(task) if "ladder" in options.only else {}
    found["commands"] = _commands(options) if "commands" in options.only else {}
    return found


def run_full(options: argparse.Namespace, prepare: Task) -> dict[str, Any]:
    """Measure our side once on all posts, or of it what ``--only`` names; return the figures as they came."""
    refuse_if_busy(options.out, "results.json")
    rows = _said("posts", prepare)["available"]["training"]
    task = replace(prepare, rows=rows, side="ours", threads=options.threads)
    asked = [what for what in ("encode", "head", "search") if what in options.only]
    figures = {what: _said("all posts", replace(task, what=what)) for what in asked}
    found: dict[str, Any] = {"rows": rows, "measured": figures}
    if "head" in figures and "growth" in options.only:
        found["growth"] = [*_grown(task, FULL_GROWTH), _point(rows, figures["head"])]
    return found


def _said(when: str, task: Task) -> dict[str, Any]:
    figures = measure(task)
    rate = f"{figures['rows_per_second']:,.0f} rows/s, " if "rows_per_second" in figures else ""
    peak = f"{figures['peak_mb']:,.0f} MB, " if "peak_mb" in figures else ""
    print(f"{when}: {task.side} {task.what}: {rate}{peak}{figures['wall_seconds']:.0f} s", flush=True)
    return figures


def _settings(options: argparse.Namespace, data: dict[str, Any], rows: int) -> dict[str, Any]:
    keys = ("rounds", "steps", "trials", "threads", "encoder")
    return {"posts": rows, **data, **{key: getattr(options, key) for key in keys}}


def _grown(task: Task, parts: tuple[int, ...]) -> list[dict[str, Any]]:
    sizes = [max(16, task.rows // part) for part in parts]
    return [_point(n, _said(f"{n} posts", replace(task, side="ours", what="head", rows=n))) for n in sizes]


def _point(rows: int, figures: dict[str, Any]) -> dict[str, Any]:
    return {"rows": rows, "seconds": figures["seconds"], "peak_mb": figures["peak_mb"]}


def _middle(points: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {key: median(point[key] for point in points) for key in points[0]}


def _ladder(task: Task) -> dict[str, Any]:
    few = replace(task, side="ladder", rows=min(task.rows, 480))
    rungs = {what: _said("ladder", replace(few, what=what)) for what in ("encoder", "head")}
    for what in ("prompt_tuning", "full_fine_tuning"):
        rungs[what] = _said("ladder, fp32", replace(few, side="ours", what=what, precision="fp32"))
    return rungs


def _commands(options: argparse.Namespace) -> dict[str, float]:
    seconds = {"kedro registry list": median(_timed("registry", "list", cwd=PROJECT) for _ in range(3))}
    if options.sample_run:
        with TemporaryDirectory() as folder:
            seconds["kedro run"] = _in_copy(Path(folder) / "project", lambda copy: _timed("run", cwd=copy))
    return seconds


def _in_copy(copy: Path, measured: Callable[[Path], float]) -> float:
    for name in ("conf", "src"):
        shutil.copytree(PROJECT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (copy / "data/01_raw").mkdir(parents=True)
    for path in ["pyproject.toml", ".telemetry", *(f"data/01_raw/sample_{p}.csv" for p in ("training", "validation"))]:
        shutil.copy(PROJECT / path, copy / path)
    return measured(copy)


def _timed(*arguments: str, cwd: Path) -> float:
    environment = os.environ | {"PYTHONPATH": str(cwd / "src"), "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}
    kedro = Path(sys.executable).with_name("kedro")
    start = perf_counter()
    subprocess.run([kedro, *arguments], cwd=cwd, env=environment, check=True, capture_output=True)
    return perf_counter() - start


if __name__ == "__main__":
    main()
