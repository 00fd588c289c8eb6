"""One measurement, its process, its clock. Light to import: the parent must stay small (see ``peak_megabytes``)."""

import json
import os
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

PROJECT = Path(__file__).parents[1]
TIMEOUT = 3 * 3600  # seconds


@dataclass(frozen=True)
class Task:
    """What one process measures: ``side`` is ours, script, bars, machine or data; ``rows`` are training posts.

    ``steps`` is how many steps of 16 posts the script's training takes; ``precision`` is that of the parameter.
    """

    side: str
    what: str
    folder: str
    rows: int = 0
    steps: int = 0
    threads: int = 1
    precision: str = "auto"
    encoder: str = "embedded"
    trials: int = 40


def measure(task: Task) -> dict[str, Any]:
    """Measure in a fresh process; return its figures with ``wall_seconds``, imports and loading included.

    Raises:
        RuntimeError: the process failed; the message is the end of what it said.
    """
    start = perf_counter()
    result = Path(task.folder) / "figures.json"
    result.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.child", json.dumps(asdict(task))],
        cwd=PROJECT,
        env=os.environ | {"OMP_NUM_THREADS": str(task.threads), "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    if done.returncode or not result.is_file():
        raise RuntimeError(f"{task.side} {task.what} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return json.loads(result.read_text(encoding="utf-8")) | {"wall_seconds": perf_counter() - start}


def peak_megabytes() -> float:
    """Return the most memory this process has had at once.

    ``ru_maxrss`` (KiB; bytes on macOS) starts at what the parent held when it made this process, so the parent imports
    nothing large.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def resident_megabytes() -> float:
    """Return the memory this process has now."""
    import psutil

    return psutil.Process().memory_info().rss / (1 << 20)


class StepClock:
    """Times the training steps of a model, whichever Trainer runs it.

    From its first training pass to its first evaluation pass, so without loading, evaluating and saving.
    """

    def __init__(self, model: Any) -> None:
        self.start = self.end = 0.0
        model.register_forward_pre_hook(self._tick)

    def _tick(self, model: Any, _: Any) -> None:
        if model.training and not self.start:
            self.start = _now()
        if self.start and not model.training and not self.end:
            self.end = _now()

    @property
    def seconds(self) -> float:
        """Return how long the steps took; both passes must have been."""
        assert 0 < self.start < self.end, "the model was not trained and then evaluated"
        return self.end - self.start


def _now() -> float:
    """Return the time when the device has done all it was told."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return perf_counter()
