"""Ctrl-C and SIGTERM, which schedulers and containers send: each ends a command at any point. And orphans.

Python raises them between any two steps. A library may drop the exception, or replace it by another. So the signal is
noted, and the progress display raises it again.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from signal import SIGINT, SIGTERM, default_int_handler, getsignal, pthread_kill, signal
from threading import Thread, Timer, current_thread, main_thread
from typing import Any

SECONDS_UNTIL_AGAIN = 0.05

_received: list[int] = []
_again: list[Timer] = []


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` at SIGTERM too, and note which signal was received."""
    _received.clear()
    if current_thread() is not main_thread():  # Python allows it nowhere else
        yield
        return
    numbers = (SIGTERM, SIGINT) if getsignal(SIGINT) is default_int_handler else (SIGTERM,)
    before, hook = [signal(number, _interrupt) for number in numbers], sys.unraisablehook
    sys.unraisablehook = _send_again
    try:
        yield
    finally:
        for timer in _again:
            timer.cancel()
        for number, handler in zip(numbers, before, strict=True):
            signal(number, handler)
        sys.unraisablehook = hook


def _interrupt(number: int, _: Any) -> None:
    _received.append(number)
    raise KeyboardInterrupt


def _send_again(dropped: Any) -> None:
    """Send a signal again whose exception was lost in a destructor or a callback of a weak reference."""
    if issubclass(dropped.exc_type, KeyboardInterrupt):
        _again.append(Timer(SECONDS_UNTIL_AGAIN, pthread_kill, [main_thread().ident, received() or SIGINT]))
        _again[-1].start()
    else:
        sys.__unraisablehook__(dropped)


def received() -> int | None:
    """Return the number of the signal that this command received, or None."""
    return _received[-1] if _received else None


def raise_if_received() -> None:
    """Raise ``KeyboardInterrupt`` if this command received a signal that has not ended it."""
    if _received:
        raise KeyboardInterrupt


def end_with_parent() -> None:
    """End this process as soon as its parent is gone: a killed parent cannot end its children."""
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)
