"""TensorBoard: the curves of each technique, one folder a technique."""

from pathlib import Path
from typing import Any

from tweet_sentiment.errors import extra
from tweet_sentiment.schema import StudyParameters
from tweet_sentiment.tracking.tables import fit, numbers, points


class TensorBoardTracker:
    """Writes ``<folder>/<run>/<protocol>/<technique>``; a technique that is trained again replaces its curves."""

    def __init__(self, parameters: StudyParameters) -> None:
        with extra("tracking", f"tracking.tensorboard ({parameters.tracking.tensorboard})"):
            from torch.utils.tensorboard import SummaryWriter
        self._writer = SummaryWriter
        self._folder = Path(str(parameters.tracking.tensorboard)) / parameters.run / parameters.protocol

    def saved(self, technique: str, kind: str, data: Any, path: Path | None) -> None:
        """Write curves as scalars by step, and scores as scalars at step 0."""
        if kind == "curves":
            self._write(technique, list(points(data)), "training")
        elif kind == "metrics":
            self._write(technique, [(name, value, 0) for name, value in numbers(data).items()], "validation")

    def end(self, failed: bool) -> None:
        """Nothing is open: every file is closed when it is written."""

    def _write(self, technique: str, measured: list[tuple[str, float, int]], part: str) -> None:
        folder = self._folder / technique / part
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        with self._writer(str(folder)) as writer:
            for name, value, step in measured:
                writer.add_scalar(fit(name), value, step)
