"""Batches of similar lengths, in parallel on a CPU: the only way from word pieces to a model's output.

Posts are short and of very different lengths, so batches of similar lengths save most of an encoder's work. Threads
that share so small a batch wait for each other, so on a CPU several batches run at once. Torch is not imported here: an
exported model runs without it.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from itertools import chain
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")
Result = TypeVar("Result")

TOKENS_PER_BATCH = {"cpu": 1024, "cuda": 65_536}  # with their padding; a CPU's caches hold no more, a GPU wants much
MOST_AT_ONCE = 4  # batches; with more threads, a batch takes several


def in_batches(
    compute: Callable[[list[list[int]]], Any],
    input_ids: list[list[int]],
    tokens: int = TOKENS_PER_BATCH["cpu"],
    at_once: int = 1,
    done: Callable[[int], object] = lambda posts: None,
    fetch: Callable[[Any], NDArray[Any]] = np.asarray,
) -> NDArray[np.float32]:
    """Return ``compute(batch)`` for all posts, shape (posts, …), in the order of the posts.

    Batches have posts of similar length and at most ``tokens`` word pieces each; ``at_once`` of them are computed in
    parallel. ``compute`` returns one row per post; after each batch ``done`` is called with its number of posts.
    ``fetch`` turns what ``compute`` returned into an array when all batches are through: a GPU is not waited for
    between them.
    """
    batches = batches_by_length([len(ids) for ids in input_ids], tokens)
    computed = []
    for batch, rows in side_by_side(lambda batch: compute([input_ids[i] for i in batch]), batches, at_once):
        computed.append((batch, rows))
        done(len(batch))
    results = np.empty((len(input_ids), *computed[0][1].shape[1:]), dtype=np.float32)
    for batch, rows in computed:
        results[batch] = fetch(rows)
    return results


def batches_by_length(lengths: list[int], tokens: int) -> Iterator[list[int]]:
    """Yield lists of positions, longest posts first, each of at most ``tokens`` word pieces with their padding."""
    order = np.argsort(-np.asarray(lengths), kind="stable").tolist()
    while order:
        size = max(1, tokens // max(lengths[order[0]], 1))
        yield order[:size]
        order = order[size:]


def padding_of(config: Any) -> dict[str, Any]:
    """Return the padding for a model of this configuration: arguments of ``padded``."""
    types = (getattr(config, "type_vocab_size", None) or 0) > 1
    separator = getattr(config, "sep_token_id", None) if types else None
    return {"padding_id": getattr(config, "pad_token_id", None) or 0, "separator": separator}


def padded(
    rows: list[list[int]], padding_id: int, to: int | None = None, multiple: int = 1, separator: int | None = None
) -> dict[str, NDArray[Any]]:
    """Pad word pieces on the right to ``to``, or to the longest row rounded up to a multiple of ``multiple``.

    Returns ``input_ids`` and ``attention_mask``, both int64 of shape (rows, width); with a ``separator`` also
    ``token_type_ids``, which are 1 after the first separator.
    """
    width = to or -(-max(map(len, rows)) // multiple) * multiple
    held = np.arange(width) < np.array([len(row) for row in rows])[:, None]
    ids = np.full(held.shape, padding_id, dtype=np.int64)
    ids[held] = list(chain.from_iterable(rows))
    batch = {"input_ids": ids, "attention_mask": held.astype(np.int64)}
    if separator is not None:
        ends = ids == separator
        batch["token_type_ids"] = ((ends.cumsum(axis=1) > ends) & held).astype(np.int64)
    return batch


def threads() -> int:
    """Return the number of torch's threads: OMP_NUM_THREADS, or the processors of this process."""
    if (torch := sys.modules.get("torch")) is not None:
        return int(torch.get_num_threads())
    wanted = re.match(r"\s*([1-9]\d*)", os.environ.get("OMP_NUM_THREADS", ""))
    if wanted:
        return int(wanted[1])
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def batches_at_once(kind: str) -> int:
    """Return the best number of parallel batches for a device ("cpu", "cuda"); they share torch's threads."""
    return min(threads(), MOST_AT_ONCE) if kind == "cpu" else 1


def side_by_side(
    compute: Callable[[Item], Result], items: Iterable[Item], at_once: int
) -> Iterator[tuple[Item, Result]]:
    """Yield each item with the result of ``compute``, in the order in which they finish.

    Each thread has its share of torch's threads, and the autocast and inference mode of the caller. An error of
    ``compute`` is raised here, and no more items are started.
    """
    waiting = list(items)
    if (at_once := min(at_once, len(waiting))) <= 1:
        yield from ((item, compute(item)) for item in waiting)
        return
    remaining, ready = iter(waiting), SimpleQueue[Any]()
    as_here, afterwards = _torch_as_here(at_once)

    def work() -> None:
        try:
            with as_here():
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
