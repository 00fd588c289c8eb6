"""One measurement in a process of its own: ``python -m benchmarks.child '{"side": "ours", "what": "encode", ...}'``."""

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.task import Task, peak_megabytes, resident_megabytes


def main() -> None:
    """Measure what the task says and write ``figures.json`` into its folder."""
    task = Task(**json.loads(sys.argv[1]))
    figures = run(task)
    (Path(task.folder) / "figures.json").write_text(json.dumps(figures), encoding="utf-8")


def run(task: Task) -> dict[str, Any]:
    """Return the task's figures; ``start_mb`` is the memory after the imports, ``peak_mb`` the most it took in all."""
    if task.side == "data":
        from benchmarks.posts import prepare

        return prepare(Path(task.folder), task.encoder, task.trials)
    import torch

    torch.set_num_threads(task.threads)
    function = _function(task)
    start = resident_megabytes()
    return function(task) | {"start_mb": start, "peak_mb": peak_megabytes(), "peak_device_mb": _device_peak()}


def _function(task: Task) -> Callable[[Task], dict[str, Any]]:
    """Import the task's side only: the other's imports would count as its memory."""
    modules = {"machine": "limit", "serving": "serving_sides"}
    return getattr(importlib.import_module(f"benchmarks.{modules.get(task.side, task.side)}"), task.what)


def _device_peak() -> float | None:
    import torch

    return torch.cuda.max_memory_allocated() / (1 << 20) if torch.cuda.is_available() else None


if __name__ == "__main__":
    main()
