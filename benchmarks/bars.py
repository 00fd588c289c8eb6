"""What progress bars cost: the same work with a bar in a terminal and without one, in turns."""

import os
import pty
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from threading import Thread
from time import perf_counter
from typing import Any

from benchmarks.ours import Ready
from benchmarks.task import Task
from tweet_sentiment.modeling.encoders import encoder_of
from tweet_sentiment.modeling.freezing import unfreeze
from tweet_sentiment.modeling.prediction import encode
from tweet_sentiment.modeling.trainer import ignore
from tweet_sentiment.techniques.layer_unfreezing import fit_head

TURNS = 5
SCREEN = (24, 100)  # lines, columns; a new terminal has none, and nothing is drawn
EPOCHS = 80  # of a head: the paper's 8 are over before its bar is drawn


def bars(task: Task) -> dict[str, Any]:
    """Return for encoding and for a head, by turn, the seconds with a bar over those without."""
    ready = Ready.of(task)
    data, epochs = ready.encoded(), {"num_train_epochs": EPOCHS}
    hyperparameters = ready.parameters.prompt_tuning.hyperparameters.model_copy(update=epochs)
    chosen = ready.parameters.layer_unfreezing.model_copy(update={"hyperparameters": hyperparameters})
    unfreeze(ready.classifier, chosen.unfreeze)

    def encoding(description: str) -> None:
        encode(encoder_of(ready.classifier), ready.training["input_ids"], ready.device, description=description)

    def head(description: str) -> None:
        fit_head(ready.classifier, data, chosen, ready.setup, ignore, description)

    return {"rows": len(ready.training), "encode": _in_turns(encoding), "head": _in_turns(head)}


def _in_turns(work: Callable[[str], None]) -> list[float]:
    """Every second turn begins with the bar: what slows down over time then slows both."""
    ratios = []
    for turn in range(TURNS):
        seconds = {shown: _seconds(work, shown) for shown in (turn % 2 == 0, turn % 2 == 1)}
        ratios.append(seconds[True] / seconds[False])
    return ratios


def _seconds(work: Callable[[str], None], shown: bool) -> float:
    with terminal():
        start = perf_counter()
        work("Measuring" if shown else "")
        return perf_counter() - start


@contextmanager
def terminal() -> Iterator[list[bytes]]:
    """Put a terminal in the place of the standard error stream; yield what is drawn on it, whole afterwards."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, SCREEN)
    drawn: list[bytes] = []
    reader = Thread(target=_read, args=(ours, drawn), daemon=True)
    reader.start()
    with os.fdopen(theirs, "w") as screen, redirect_stderr(screen):
        yield drawn
    reader.join()
    os.close(ours)


def _read(terminal: int, drawn: list[bytes]) -> None:
    try:
        while some := os.read(terminal, 4096):
            drawn.append(some)
    except OSError:  # how Linux says that the other end is closed
        return
