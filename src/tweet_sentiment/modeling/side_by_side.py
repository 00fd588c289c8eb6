"""Batches on several threads of a CPU: with so little to do in each, threads that share one wait for each other.

Torch is not imported here: an exported model is asked without it.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AT_ONCE = 4  # batches at most; with more threads, a batch takes several


def threads() -> int:
    """Return how many threads torch computes with, or would: OMP_NUM_THREADS, or the processors of this process."""
    if (torch := sys.modules.get("torch")) is not None:
        return int(torch.get_num_threads())
    wanted = re.match(r"\s*([1-9]\d*)", os.environ.get("OMP_NUM_THREADS", ""))
    if wanted:
        return int(wanted[1])
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def batches_at_once(kind: str) -> int:
    """Return how many batches a device ("cpu", "cuda") is best asked side by side; torch's threads are divided."""
    return min(threads(), AT_ONCE) if kind == "cpu" else 1


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
    remaining, ready = iter(waiting), SimpleQueue[Any]()
    as_asked, afterwards = _torch_as_here(at_once)

    def work() -> None:
        try:
            with as_asked():
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
        afterwards()


def _torch_as_here(at_once: int) -> tuple[Callable[[], AbstractContextManager[Any]], Callable[[], object]]:
    """Return what each of so many threads computes in, and what sets torch's threads back when all are done."""
    torch = sys.modules.get("torch")
    if torch is None:
        return nullcontext, lambda: None
    count, dtype = torch.get_num_threads(), torch.get_autocast_dtype("cpu")
    cast, inference = torch.is_autocast_enabled("cpu"), torch.is_inference_mode_enabled()

    def as_here() -> AbstractContextManager[Any]:
        torch.set_num_threads(max(1, count // at_once))
        stack = ExitStack()
        stack.enter_context(torch.inference_mode(inference))
        stack.enter_context(torch.autocast("cpu", dtype=dtype, enabled=cast))
        return stack

    return as_here, lambda: torch.set_num_threads(count)
