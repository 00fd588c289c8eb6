"""Batches of like lengths: what saves most of the work of an encoder on short posts."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

TOKENS_A_BATCH = 4096
ROUND_TO = 8


def batches_by_length(lengths: list[int], tokens: int = TOKENS_A_BATCH) -> Iterator[list[int]]:
    """Yield lists of positions, longest posts first, each of at most ``tokens`` word pieces with their padding."""
    order = np.argsort(-np.asarray(lengths), kind="stable").tolist()
    while order:
        size = max(1, tokens // max(lengths[order[0]], 1))
        yield order[:size]
        order = order[size:]


def pad(rows: list[list[int]], padding_id: int, to: int | None = None) -> dict[str, torch.Tensor]:
    """Pad word pieces on the right to ``to``, or to the longest row rounded up to a multiple of 8.

    Returns ``input_ids`` and ``attention_mask``, both int64 of shape (rows, width).
    """
    width = to or -(-max(map(len, rows)) // ROUND_TO) * ROUND_TO
    ids = np.full((len(rows), width), padding_id, dtype=np.int64)
    for row, pieces in zip(ids, rows, strict=True):
        row[: len(pieces)] = pieces
    mask = np.arange(width) < np.array([len(row) for row in rows])[:, None]
    return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask.astype(np.int64))}


def to_device(batch: dict[str, torch.Tensor], name: str) -> dict[str, Any]:
    """Move a batch, without waiting for the copy."""
    return {key: tensor.to(name, non_blocking=True) for key, tensor in batch.items()}
