"""A trained model asked in this process: transformers' pipeline, and the predictor in each of its ways.

``task.encoder`` is the model's folder, ``task.rows`` the number of posts. The pipeline gets posts that are cleaned
already; the predictor cleans them in its time.
"""

import csv
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.posts import PROJECT, REAL, SAMPLE
from benchmarks.task import Task

WARM = 10  # calls that are not counted
ALONE = 200  # posts that are also asked one by one


def export(task: Task) -> dict[str, Any]:
    """Write the model as ONNX, in fp32 and int8, into ``task.folder``."""
    from tweet_sentiment.predictor.onnx.export import export

    path = Path(task.folder) / "posts.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text"], *([post] for post in posts(task.rows))])
    folders = {
        name: str(export(Path(task.encoder), Path(task.folder) / name, quantize, path, "text", None))
        for name, quantize in (("onnx_fp32", None), ("onnx_int8", "int8"))
    }
    return {"folders": folders}


def posts(rows: int) -> list[str]:
    """Return test posts, the real ones if they are there, over again where more are asked for; none is blank."""
    path = PROJECT / REAL["validation"]
    with (path if path.is_file() else PROJECT / SAMPLE["validation"]).open(newline="", encoding="utf-8") as file:
        texts = [row[3] for row in csv.reader(file) if row[3].strip()]
    return (texts * (rows // len(texts) + 1))[:rows]


def pipeline_default(task: Task) -> dict[str, Any]:
    """transformers' pipeline as it comes."""
    return _pipeline(task, 1)


def pipeline_32(task: Task) -> dict[str, Any]:
    """The same with batches of 32."""
    return _pipeline(task, 32)


def _pipeline(task: Task, batch: int) -> dict[str, Any]:
    from transformers import pipeline

    from tweet_sentiment import Predictor

    texts = Predictor.load(task.encoder, "cpu", precision="fp32").cleaned(posts(task.rows))
    ask = pipeline("text-classification", model=task.encoder, device="cpu", top_k=None)
    return _timed(lambda many: ask(many, batch_size=batch, truncation=True, max_length=128), texts)


def torch_fp32(task: Task) -> dict[str, Any]:
    """The predictor with PyTorch, in fp32."""
    return _predictor(task.encoder, task.rows, "fp32")


def torch_auto(task: Task) -> dict[str, Any]:
    """The same in bf16 where the processor has it."""
    return _predictor(task.encoder, task.rows, "auto")


def onnx_fp32(task: Task) -> dict[str, Any]:
    """The predictor with onnxruntime."""
    return _predictor(str(Path(task.folder) / "onnx_fp32"), task.rows, "auto")


def onnx_int8(task: Task) -> dict[str, Any]:
    """The same, quantized."""
    return _predictor(str(Path(task.folder) / "onnx_int8"), task.rows, "auto")


def _predictor(folder: str, rows: int, precision: str) -> dict[str, Any]:
    from tweet_sentiment import Predictor

    predictor = Predictor.load(folder, "cpu" if precision == "fp32" else "auto", precision=precision)
    return _timed(predictor.records, posts(rows)) | {"backend": predictor.backend.description}


def _timed(ask: Callable[[list[str]], object], texts: list[str]) -> dict[str, Any]:
    """Return posts per second of all at once, and the time of a post alone (of 200), after some calls to warm up."""
    for text in texts[:WARM]:
        ask([text])
    start = perf_counter()
    ask(texts)
    rate = len(texts) / (perf_counter() - start)
    times = []
    for text in texts[:ALONE]:
        start = perf_counter()
        ask([text])
        times.append(1000 * (perf_counter() - start))
    p50, p95 = np.percentile(times, [50, 95])
    return {"rows_per_second": rate, "p50_ms": float(p50), "p95_ms": float(p95)}
