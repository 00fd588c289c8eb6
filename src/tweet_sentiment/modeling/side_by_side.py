"""Batches on several threads of a CPU: with so little to do in each, threads that share one wait for each other."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

AT_ONCE = 4  # batches at most; with more threads, a batch takes several


def batches_at_once(kind: str) -> int:
    """Return how many batches a device ("cpu", "cuda") is best asked side by side; torch's threads are divided."""
    return min(torch.get_num_threads(), AT_ONCE) if kind == "cpu" else 1


def side_by_side(
    compute: Callable[[Item], Result], items: Iterable[Item], at_once: int
) -> Iterator[tuple[Item, Result]]:
    """Yield each item with what ``compute`` gives for it, in the order in which they are done.

    Each thread has its share of torch's threads, and the autocast and inference mode of the one that asks. What
    ``compute`` raises is raised here, and nothing more is begun.
    """
    waiting = list(items)
    if (at_once := min(at_once, len(waiting))) <= 1:
        yield from ((item, compute(item)) for item in waiting)
        return
    threads, remaining, ready = torch.get_num_threads(), iter(waiting), SimpleQueue[Any]()
    dtype, cast = torch.get_autocast_dtype("cpu"), torch.is_autocast_enabled("cpu")
    inference = partial(torch.inference_mode, torch.is_inference_mode_enabled())

    def work() -> None:
        torch.set_num_threads(max(1, threads // at_once))
        try:
            with inference(), torch.autocast("cpu", dtype=dtype, enabled=cast):
                for item in remaining:
                    ready.put((item, compute(item)))
            ready.put(None)
        except BaseException as error:
            ready.put(error)

    workers = [Thread(target=work, daemon=True) for _ in range(at_once)]
    for worker in workers:
        worker.start()
    try:
        while at_once:
            match ready.get():
                case None:
                    at_once -= 1
                case BaseException() as error:
                    raise error
                case done:
                    yield done
    finally:
        for _ in remaining:
            pass
        for worker in workers:
            worker.join()
        torch.set_num_threads(threads)
