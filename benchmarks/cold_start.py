"""One text, one process: ``kedro predict`` beside a script with transformers' pipeline (see ``--help``).

Every side is a fresh process that loads the model and answers once. Counted are the processor's seconds, user and
system, of the whole process, and the most memory it held; both are divided by the pipeline's of the same round. The
answers must name the same label. Writes cold_start.json and cold_start.md.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.machine import RATES, processor, refuse_if_busy
from benchmarks.runs import Figure, add_run
from benchmarks.tables import table
from benchmarks.task import PROJECT, Task, measure
from tweet_sentiment.storage import library_versions

TEXT = "I love this"
PIPELINE = "transformers' pipeline"
SCRIPT = f"""
import sys
from transformers import pipeline
print(pipeline("text-classification", model=sys.argv[1])([{TEXT!r}])[0]["label"])
"""
OURS = f"""
import sys
from tweet_sentiment import Predictor
print(Predictor.load(sys.argv[1])([{TEXT!r}])["label"][0])
"""
SIDES = {  # name: the command before the model's folder, and which model
    PIPELINE: ([sys.executable, "-c", SCRIPT], "torch"),
    "kedro predict, torch": ([sys.executable, "-m", "kedro", "predict", "--json", TEXT, "--model"], "torch"),
    "kedro predict, ONNX int8": ([sys.executable, "-m", "kedro", "predict", "--json", TEXT, "--model"], "onnx_int8"),
    "Predictor in Python, torch": ([sys.executable, "-c", OURS], "torch"),
    "Predictor in Python, ONNX int8": ([sys.executable, "-c", OURS], "onnx_int8"),
}
TARGETS = {
    "torch": {"seconds": 0.9, "peak_mb": 1.0},
    "onnx_int8": {"seconds": 0.3, "peak_mb": 0.4},
}  # of the pipeline's
WHAT = {"seconds": "processor seconds", "peak_mb": "peak memory"}
Figures = dict[str, Any]


@dataclass(frozen=True)
class Cost:
    """What one process took: the processor's seconds, and MiB at the most."""

    seconds: float
    peak_mb: float


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and write."""
    options = _options(arguments)
    load = refuse_if_busy(options.out, "cold_start.json")
    found = run(options.model, options.rounds)
    text = markdown(found)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "cold_start.json").write_text(json.dumps(found, indent=2), encoding="utf-8")
    (options.out / "cold_start.md").write_text(text, encoding="utf-8")
    print(text)
    settings = {"rounds": options.rounds, "load_before": load}
    print(add_run(options.out, settings, found["settings"]["rates"], targeted(found["ratios"])))


def targeted(found: Figures) -> list[Figure]:
    """Return the ratios, each with its target."""
    return [
        Figure(f"{name}: {WHAT[what]} over the pipeline's", one["median"], one["target"], at_most=True)
        for name, each in found.items()
        for what, one in each.items()
    ]


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold_start", description=__doc__)
    add = parser.add_argument
    add("--model", default="data/06_models/sample/leak_free/layer_unfreezing", help="a folder that pipeline() loads")
    add("--rounds", type=int, default=7, help="rounds, all sides in each (default: 7)")
    add("--out", type=Path, default=Path(__file__).parent, help="folder for the results (default: benchmarks)")
    options = parser.parse_args(arguments)
    if not Path(options.model).is_dir():
        parser.error(f"there is no {options.model}: make it by `kedro run`, or name another by --model")
    return options


def run(model: str, rounds: int) -> Figures:
    """Return what each side took in each round, and the ratios to the pipeline's of the same round."""
    with TemporaryDirectory() as folder:
        folders = {"torch": str(Path(model).resolve()), "onnx_int8": str(Path(folder) / "onnx_int8")}
        measure(Task("serving", "export", folder, rows=64, encoder=folders["torch"]))
        rates = measure(Task("machine", "rates", folder, threads=os.cpu_count() or 1))
        costs: dict[str, list[Cost]] = {name: [] for name in SIDES}
        labels = {name: _asked([*command, folders[of]])[0] for name, (command, of) in SIDES.items()}  # and files cached
        for turn in range(rounds):
            for name in [*SIDES][turn % len(SIDES) :] + [*SIDES][: turn % len(SIDES)]:
                command, of = SIDES[name]
                costs[name].append(_asked([*command, folders[of]])[1])
    if len(set(labels.values())) > 1:
        raise RuntimeError(f"the sides do not agree on {TEXT!r}: {labels}")
    return {
        "settings": {
            "rounds": rounds,
            "model": Path(model).name,
            "processor": processor(),
            "rates": {key: rates[key] for key in RATES},
            "versions": library_versions(),
        },
        "sides": {
            name: [{"seconds": one.seconds, "peak_mb": one.peak_mb} for one in each] for name, each in costs.items()
        },
        "ratios": ratios(costs),
    }


def _asked(command: list[str]) -> tuple[str, Cost]:
    """Run a command; return the label that it printed and what it took.

    Raises:
        RuntimeError: it failed; the message is what it said.
    """
    settings = os.environ | {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
    process = subprocess.Popen(command, cwd=PROJECT, env=settings, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    said = process.stdout.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with status {process.returncode}:\n{said}")
    label = json.loads(said)[0]["label"] if "--json" in command else said.strip()
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return label, Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / unit)


def ratios(costs: dict[str, list[Cost]]) -> Figures:
    """Return, by side and what is counted, median, least and most of its ratio to the pipeline's of the same round."""
    found: Figures = {}
    for name, (_, of) in SIDES.items():
        if name == PIPELINE:
            continue
        for what, target in TARGETS[of].items():
            pairs = zip(costs[name], costs[PIPELINE], strict=True)
            each = [getattr(ours, what) / getattr(theirs, what) for ours, theirs in pairs]
            figures = {"target": target, "median": median(each), "min": min(each), "max": max(each)}
            found.setdefault(name, {})[what] = figures
    return found


def markdown(found: Figures) -> str:
    """Return both tables, targets that were missed as missed."""
    settings = found["settings"]
    sides = [
        [
            name,
            *(f"{median(one[what] for one in each):,.{digits}f}" for what, digits in (("seconds", 2), ("peak_mb", 0))),
        ]
        for name, each in found["sides"].items()
    ]
    rows = [
        [
            f"{name}: {WHAT[what]} over the pipeline's",
            f"<= {one['target']:g}",
            f"{one['median']:.2f} ({one['min']:.2f} to {one['max']:.2f})",
            "yes" if one["median"] <= one["target"] else "**no**",
        ]
        for name, each in found["ratios"].items()
        for what, one in each.items()
    ]
    return "\n\n".join(
        [
            "# One text, from a standing start",
            f"A process that loads {settings['model']} and answers once; {settings['rounds']} rounds in turns on "
            f"{settings['processor']}. Written by `python -m benchmarks.cold_start`.",
            table(["side", "processor seconds", "peak MiB"], sides),
            table(["what", "target", "median (min to max)", "met"], rows),
        ]
    )


if __name__ == "__main__":
    main()
