"""Batches of like lengths: what saves most of the work of an encoder on short posts."""

from collections.abc import Callable, Iterator
from queue import Queue
from threading import Thread
from typing import Any

import numpy as np
import torch

from tweet_sentiment.modeling.by_length import TOKENS_A_BATCH, batches_by_length, padded
from tweet_sentiment.modeling.side_by_side import batches_at_once, side_by_side
from tweet_sentiment.progress import progress_bar

Batch = dict[str, torch.Tensor]
ROUND_TO = {"cpu": 1, "cuda": 8}  # widths that a GPU's matrix units like; a CPU takes any, and each pad costs
AHEAD = 4  # batches that lie ready for a GPU


def in_batches(
    compute: Callable[[Batch], torch.Tensor],
    input_ids: list[list[int]],
    device: str,
    padding_id: int,
    pad_to: int | None,
    description: str,
) -> torch.Tensor:
    """Return ``compute(batch)`` of all posts as one float32 tensor on the CPU, rows in the order given.

    ``compute`` gets ``input_ids`` and, where there is padding, ``attention_mask`` on the device, and returns one row a
    post. A CPU runs several batches side by side. A GPU is never waited for between two batches: they are made in the
    background, and results stay there.
    """
    kind = device.split(":")[0]
    orders = list(batches_by_length([len(ids) for ids in input_ids], TOKENS_A_BATCH[kind]))

    def batch(order: list[int]) -> Batch:
        return without_idle_mask(pad([input_ids[i] for i in order], padding_id, pad_to, ROUND_TO[kind]))

    def moved(batch: Batch) -> torch.Tensor:
        return compute({key: tensor.to(device, non_blocking=True) for key, tensor in batch.items()})

    done: Iterator[tuple[list[int], torch.Tensor]]
    if kind == "cuda":
        done = zip(orders, map(moved, _ahead(map(batch, orders))), strict=True)
    else:
        done = side_by_side(lambda order: compute(batch(order)), orders, batches_at_once(kind))
    results: torch.Tensor | None = None
    came: list[int] = []
    with progress_bar(description, len(input_ids)) as bar:
        for order, rows in done:
            if results is None:
                results = torch.empty((len(input_ids), *rows.shape[1:]), device=device)
            results[len(came) : len(came) + len(rows)] = rows
            came += order
            bar.update(len(rows))
    assert results is not None, "there are no posts"
    return results.cpu()[np.argsort(came)]


def pad(rows: list[list[int]], padding_id: int, to: int | None = None, multiple: int = 8) -> Batch:
    """Return what :func:`~tweet_sentiment.modeling.by_length.padded` does, as tensors."""
    return {name: torch.from_numpy(one) for name, one in padded(rows, padding_id, to, multiple).items()}


def without_idle_mask(batch: Batch) -> Batch:
    """Leave out a mask that hides nothing: attention is faster without, and a GPU need not be asked what it holds."""
    return {"input_ids": batch["input_ids"]} if batch["attention_mask"].all() else batch


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Make the next batches in the background, in memory that a GPU can read by itself."""
    ready: Queue[Any] = Queue(AHEAD)

    def make() -> None:
        try:
            for batch in batches:
                ready.put({key: tensor.pin_memory() for key, tensor in batch.items()})
            ready.put(None)
        except BaseException as error:
            ready.put(error)

    Thread(target=make, daemon=True).start()
    while (batch := ready.get()) is not None:
        if isinstance(batch, BaseException):
            raise batch
        yield batch
