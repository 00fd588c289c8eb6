"""Measure the GPU: encoding and training of several encoders, beside the paper's script: ``python -m benchmarks.gpu``.

Each measurement has a process of its own. Without a GPU all of it runs on the CPU, which rehearses the script.
"""

import argparse
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

from benchmarks.tables import NAMES, table
from benchmarks.task import Task, measure

WHAT = ("encode", "prompt_tuning", "prompts", "full_fine_tuning")
OURS_ALONE = ("prompts",)  # the script trains one prompt after the other
DISTILBERT = "distilbert"  # the shape of distilbert-base-uncased, with random weights
SHARE = 0.5  # of the card's matrix products, that encoding is to reach
PAPER = 3 * 8 * 61_692  # posts that the paper's prompt tuning reads: prompts, epochs, posts
PAPER_MINUTES = 6
QUERY = ("nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200")


def main(arguments: list[str] | None = None) -> None:
    """Measure every encoder, print the table, and write gpu.json and gpu.md into ``--out``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    add = parser.add_argument
    add("--encoder", action="append", help="embedded, distilbert (its shape) or a folder; may be given several times")
    add("--posts", type=int, default=20_000, help="training posts (default: 20000)")
    add("--steps", type=int, default=200, help="training steps of the script, 16 posts each (default: 200)")
    add("--out", type=Path, default=Path(__file__).parent, help="folder for the results (default: benchmarks)")
    options = parser.parse_args(arguments)
    found = {encoder: _measured(encoder, options) for encoder in options.encoder or ["embedded", DISTILBERT]}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "gpu.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (options.out / "gpu.md").write_text(markdown(found), encoding="utf-8")
    print(markdown(found))


def _measured(encoder: str, options: argparse.Namespace) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        task = Task("gpu", "distilbert_shape", folder, encoder=encoder)
        if encoder == DISTILBERT:
            task = replace(task, encoder=measure(task)["folder"])
        data = measure(replace(task, side="data", what="prepare"))
        rows = min(options.posts, data["available"]["training"])
        task = replace(task, rows=rows, steps=min(options.steps, rows // 16))
        matrix = measure(replace(task, side="machine", what="matrix_products"))
        found: dict[str, Any] = {"rows": rows, "data": data["data"], "matrix": matrix, "ours": {}, "script": {}}
        for what in WHAT:
            both = data["model_type"] == "distilbert" and what not in OURS_ALONE
            for side in ("ours", "script") if both else ("ours",):
                with _utilisation() as samples:
                    found[side][what] = measure(replace(task, side=side, what=what))
                busy = [sample for sample in samples if sample]
                found[side][what]["utilisation"] = median(busy) if busy else None
                print(f"{encoder}, {what}, {side}: {found[side][what]['rows_per_second']:,.0f} posts/s", flush=True)
    return found


def distilbert_shape(task: Task) -> dict[str, str]:
    """Write an encoder of distilbert-base-uncased's shape with random weights, and the embedded tokenizer."""
    from transformers import DistilBertConfig, DistilBertModel

    from tweet_sentiment.modeling.encoders import load_tokenizer

    folder = Path(task.folder) / "distilbert-shape"
    DistilBertModel(DistilBertConfig()).save_pretrained(folder)
    load_tokenizer("embedded").save_pretrained(folder)
    return {"folder": str(folder)}


@contextmanager
def _utilisation() -> Iterator[list[float]]:
    """Sample the share of time in which the card is at work, in percent; nothing without ``nvidia-smi``."""
    samples: list[float] = []
    with TemporaryFile("w+", encoding="utf-8") as out:
        try:
            process = subprocess.Popen(QUERY, stdout=out, stderr=subprocess.DEVNULL)
        except OSError:
            yield samples
            return
        try:
            yield samples
        finally:
            process.terminate()
            process.wait()
            out.seek(0)
            samples += [float(line) for line in out if line.strip().replace(".", "", 1).isdigit()]


def markdown(found: dict[str, dict[str, Any]]) -> str:
    """Return the page: a row for each encoder and task, and what the targets ask."""
    rows, said = [], []
    for encoder, one in found.items():
        limit = one["matrix"]["operations_per_second"]
        for what, ours in one["ours"].items():
            script = one["script"].get("prompt_tuning" if what == "prompts" else what)
            share = ours["operations"] / ours["seconds"] / limit if "operations" in ours else None
            cells = [
                Path(encoder).name,
                NAMES[what].split(",")[0],
                ours["precision"],
                f"{ours['rows_per_second']:,.0f}",
            ]
            cells += ["-" if script is None else f"{ours['rows_per_second'] / script['rows_per_second']:.1f}"]
            cells += [
                "-" if share is None else f"{share:.2f}",
                *(_number(ours[key]) for key in ("utilisation", "peak_device_mb")),
            ]
            rows.append(cells)
            if what == "encode" and encoder != "embedded":
                said.append(f"{Path(encoder).name}: encoding at {share:.2f} of the products' rate (target: {SHARE}).")
            if what == "prompts" and encoder == DISTILBERT:
                minutes = PAPER / ours["rows_per_second"] / 60
                said.append(f"The paper's prompt tuning would take {minutes:.0f} minutes (target: {PAPER_MINUTES}).")
    first = next(iter(found.values()))
    header = ["encoder", "what", "precision", "posts/s", "over the script", "share of products", "busy, %", "peak MB"]
    products = ", ".join(
        f"{Path(encoder).name} {one['matrix']['operations_per_second'] / 1e12:,.1f}" for encoder, one in found.items()
    )
    return (
        f"# On {first['ours']['encode']['device_name']}\n\n{first['rows']:,} {first['data']} posts; bare matrix "
        f"products of each encoder's shapes, TFLOP/s: {products}. The script knows DistilBERT alone. Written by "
        f"`python -m benchmarks.gpu`.\n\n{table(header, rows)}\n\n{chr(10).join(f'- {one}' for one in said)}\n"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


if __name__ == "__main__":
    main()
