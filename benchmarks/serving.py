"""A trained model in use, beside transformers' pipeline: ``python -m benchmarks.serving`` (see ``--help``).

Posts a second and the time of one post, in process and over HTTP; 50 clients at once, their errors, and the service's
memory. Every side in a process of its own, in turns; medians. Writes serving.json and serving.md.
"""

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.machine import RATES, described, processor, refuse_if_busy
from benchmarks.runs import Figure, add_run
from benchmarks.serving_load import load, service
from benchmarks.tables import table
from benchmarks.task import Task, measure
from tweet_sentiment.storage import library_versions

PIPELINES = ("pipeline_default", "pipeline_32")
OURS = ("torch_fp32", "torch_auto", "onnx_fp32", "onnx_int8")
TARGETS = {
    "torch_fp32": 4.0,
    "onnx_fp32": 4.0,
    "torch_auto": 5.0,
    "onnx_int8": 8.0,
}  # posts per second, over the better pipeline's
P50 = {"in process": 1 / 4, "over HTTP": 1 / 2}  # of the plain pipeline's, with int8
GROWTH = 0.05  # of the service's memory, under many clients: what is still called flat
Figures = dict[str, Any]


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and write."""
    options = _options(arguments)
    load_before = refuse_if_busy(options.out, "serving.json")
    found = run(options)
    text = markdown(found)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "serving.json").write_text(json.dumps(found, indent=2), encoding="utf-8")
    (options.out / "serving.md").write_text(text, encoding="utf-8")
    print(text)
    settings = {key: found["settings"][key] for key in ("threads", "rounds")} | {"load_before": load_before}
    print(add_run(options.out, settings, found["settings"]["rates"], _figures(found["ratios"])))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    add = parser.add_argument
    add("--model", default="data/06_models/sample/leak_free/layer_unfreezing", help="a folder that pipeline() loads")
    add("--posts", type=int, default=828, help="posts a measurement in process (default: 828)")
    add("--rounds", type=int, default=1, help="rounds, of which the median counts (default: 1)")
    add("--requests", type=int, default=500, help="requests over HTTP of many clients (default: 500)")
    add("--clients", type=int, default=50, help="clients at once (default: 50)")
    add("--threads", type=int, default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    add("--out", type=Path, default=Path(__file__).parent, help="folder for the results (default: benchmarks)")
    options = parser.parse_args(arguments)
    if not Path(options.model).is_dir():
        parser.error(f"there is no {options.model}: make it by `kedro run`, or name another by --model")
    return options


def run(options: argparse.Namespace) -> Figures:
    """Return the medians of each side, and what the service did under one and under many clients."""
    with TemporaryDirectory() as folder:
        model = str(Path(options.model).resolve())
        task = Task("serving", "export", folder, options.posts, threads=options.threads, encoder=model)
        measure(task)
        rates = measure(Task("machine", "rates", folder, threads=options.threads))
        rounds = [
            {side: _said(replace(task, what=side)) for side in (*PIPELINES, *OURS)} for _ in range(options.rounds)
        ]
        sides = {side: _middle([one[side] for one in rounds]) for side in (*PIPELINES, *OURS)}
        with service(str(Path(folder) / "onnx_int8"), options.threads) as port:
            load(port, options.clients, min(500, options.requests))  # warm: threads and buffers are there
            http = {"one": load(port, 1, min(2_000, options.requests))}
            http["many"] = load(port, options.clients, options.requests)
    settings = {name: getattr(options, name) for name in ("posts", "rounds", "requests", "clients", "threads")}
    settings |= {"model": Path(options.model).name, "versions": library_versions()}
    settings |= {"processor": processor(), "rates": {key: rates[key] for key in RATES}}
    return {"settings": settings, "sides": sides, "http": http, "ratios": ratios(sides, http)}


def _said(task: Task) -> Figures:
    figures = measure(task)
    print(f"{task.what}: {figures['rows_per_second']:,.0f} posts/s, {figures['p50_ms']:.1f} ms", flush=True)
    return figures


def _middle(rounds: list[Figures]) -> Figures:
    return {name: median(one[name] for one in rounds) for name, value in rounds[0].items() if isinstance(value, float)}


def ratios(sides: dict[str, Figures], http: dict[str, Figures]) -> Figures:
    """Return ours over the better pipeline (posts per second), and the times of one post over the plain pipeline's."""
    best = max(sides[name]["rows_per_second"] for name in PIPELINES)
    alone = sides["pipeline_default"]["p50_ms"]
    return {
        **{name: sides[name]["rows_per_second"] / best for name in OURS},
        "p50 in process": sides["onnx_int8"]["p50_ms"] / alone,
        "p50 over HTTP": http["one"]["p50_ms"] / alone,
        "many clients": http["many"]["rows_per_second"] / http["one"]["rows_per_second"],
        "errors": http["one"]["errors"] + http["many"]["errors"],
        "memory": http["many"]["memory_after_mb"] / http["many"]["memory_before_mb"],
    }


def markdown(found: Figures) -> str:
    """Return everything as Markdown tables, targets that were missed as missed."""
    settings = found["settings"]
    sides = [
        [
            name,
            f"{one['rows_per_second']:,.0f}",
            f"{one['p50_ms']:.1f}",
            f"{one['p95_ms']:.1f}",
            f"{one['peak_mb']:,.0f}",
        ]
        for name, one in found["sides"].items()
    ]
    http = [
        [
            f"{one['clients']} over HTTP, int8",
            f"{one['rows_per_second']:,.0f}",
            f"{one['p50_ms']:.1f}",
            f"{one['p95_ms']:.1f}",
            f"{one['errors']} of {one['requests']:,}",
            f"{one['memory_before_mb']:,.0f} to {one['memory_after_mb']:,.0f}",
        ]
        for one in found["http"].values()
    ]
    return "\n\n".join(
        [
            "# A trained model in use",
            f"{settings['posts']} posts, {settings['threads']} threads, {settings['model']}; one post per request. "
            f"{described(settings)}",
            table(["side", "posts/s", "p50 ms", "p95 ms", "peak MiB"], sides),
            table(["clients", "posts/s", "p50 ms", "p95 ms", "errors", "memory MiB"], http),
            table(["what", "target", "found", "met"], list(map(_row, _figures(found["ratios"])))),
        ]
    )


def _figures(found: Figures) -> list[Figure]:
    """Return what was asked for, with its target."""
    return [
        *(Figure(f"{name}: posts/s over the better pipeline's", found[name], least) for name, least in TARGETS.items()),
        *(
            Figure(f"int8, one post {where}: p50 over the plain pipeline's", found[f"p50 {where}"], most, at_most=True)
            for where, most in P50.items()
        ),
        Figure("many clients' posts/s over one's", found["many clients"], 1),
        Figure("errors of all clients", found["errors"], 0, at_most=True),
        Figure("the service's memory after many clients over before", found["memory"], 1 + GROWTH, at_most=True),
    ]


def _row(one: Figure) -> list[str]:
    return [one.name, f"{'<=' if one.at_most else '>='} {one.target:g}", f"{one.value:.2f}", "yes" if one.met else "no"]


if __name__ == "__main__":
    main()
