"""Batches of like lengths for whatever runs the model; numpy alone, so an exported model is asked without torch."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tweet_sentiment.modeling.side_by_side import side_by_side

TOKENS_A_BATCH = {"cpu": 1024, "cuda": 65_536}  # with their padding; a CPU's caches hold no more, a GPU wants much


def batches_by_length(lengths: list[int], tokens: int) -> Iterator[list[int]]:
    """Yield lists of positions, longest posts first, each of at most ``tokens`` word pieces with their padding."""
    order = np.argsort(-np.asarray(lengths), kind="stable").tolist()
    while order:
        size = max(1, tokens // max(lengths[order[0]], 1))
        yield order[:size]
        order = order[size:]


def padded(rows: list[list[int]], padding_id: int, to: int | None = None, multiple: int = 8) -> dict[str, NDArray[Any]]:
    """Pad word pieces on the right to ``to``, or to the longest row rounded up to a multiple of ``multiple``.

    Returns ``input_ids`` and ``attention_mask``, both int64 of shape (rows, width).
    """
    width = to or -(-max(map(len, rows)) // multiple) * multiple
    ids = np.full((len(rows), width), padding_id, dtype=np.int64)
    for row, pieces in zip(ids, rows, strict=True):
        row[: len(pieces)] = pieces
    mask = np.arange(width) < np.array([len(row) for row in rows])[:, None]
    return {"input_ids": ids, "attention_mask": mask.astype(np.int64)}


def in_batches(
    logits: Callable[[list[list[int]]], NDArray[np.float32]],
    input_ids: list[list[int]],
    done: Callable[[int], object] = lambda posts: None,
    tokens: int = TOKENS_A_BATCH["cpu"],
    at_once: int = 1,
) -> NDArray[np.float32]:
    """Run posts through a backend's ``logits`` in batches of like lengths; return shape (posts, classes), order kept.

    ``done`` is told how many more posts are through after each batch; ``tokens`` are the most a batch, of which
    ``at_once`` are asked side by side.
    """
    batches = batches_by_length([len(ids) for ids in input_ids], tokens)
    orders, found = [], []
    for order, answer in side_by_side(lambda order: logits([input_ids[i] for i in order]), batches, at_once):
        orders.append(order)
        found.append(answer)
        done(len(order))
    return np.concatenate(found)[np.argsort(np.concatenate(orders))]
