"""Progress of everything that takes longer than a few seconds: a bar in a terminal, regular lines in a log."""

import logging
import sys
from time import perf_counter
from typing import Any, Self

from tweet_sentiment.interrupts import raise_if_received

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 30


def progress_bar(description: str, total: int, unit: str = "posts") -> Any:
    """Return a context manager that shows rate and time left; call ``update(n)`` for each ``n`` items done.

    Without a description nothing is shown.

    Raises:
        KeyboardInterrupt: in ``update``, if a signal to stop was received and has got lost.
    """
    if not sys.stderr.isatty():
        return _Lines(description, total, unit)
    from tqdm import tqdm

    class Bar(tqdm):
        def update(self, n: float | None = 1) -> bool | None:
            raise_if_received()
            return super().update(n)

    return Bar(desc=description, total=total, unit=f" {unit}", mininterval=0.2, delay=2, disable=not description)


class _Lines:
    """A line in the log every half minute; none for shorter work."""

    def __init__(self, description: str, total: int, unit: str) -> None:
        self._what, self._total, self._unit = description, total, unit
        self._done, self._start = 0, perf_counter()
        self._said = self._start

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, n: int) -> None:
        raise_if_received()
        self._done += n
        now = perf_counter()
        if not self._what or now - self._said < SECONDS_BETWEEN_LINES or self._done >= self._total:
            return
        self._said = now
        rate = self._done / (now - self._start)
        left = (self._total - self._done) / rate
        numbers = f"{self._done:,} of {self._total:,} {self._unit}, {rate:,.{0 if rate > 10 else 2}f} per second"
        logger.info("%s: %s, %.0f s left", self._what, numbers, left)
