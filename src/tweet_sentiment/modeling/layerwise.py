"""Layer-wise learning rates: the nearer a layer is to the input, the less it has to change."""

import re
from typing import Any

from torch import nn


def layerwise_groups(model: nn.Module, learning_rate: float, weight_decay: float, decay: float) -> list[dict[str, Any]]:
    """Return the optimizer's groups of what learns: head at ``learning_rate``, each layer below at ``decay`` times it.

    Of an encoder with n blocks, the top block learns at ``decay``, the lowest at ``decay ** n``, and the embeddings at
    ``decay ** (n + 1)`` times the head's rate. Biases and layer norms have no weight decay. The head comes first, so
    the curves show its rate. Source: K. Clark et al., "ELECTRA", 2020, appendix B.
    """
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    blocks = 1 + max((block for name, _ in model.named_parameters() if (block := _block(name)) is not None), default=-1)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((_depth(name, blocks), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": groups[depth, decays],
            "lr": learning_rate * decay**depth,
            "weight_decay": weight_decay if decays else 0.0,
        }
        for depth, decays in sorted(groups)
    ]


def _block(name: str) -> int | None:
    found = re.search(r"\.layer\.(\d+)\.", name)
    return int(found[1]) if found else None


def _depth(name: str, blocks: int) -> int:
    """Return how many layers lie between a parameter and the head: 0 is the head itself."""
    if (block := _block(name)) is not None:
        return blocks - block
    return blocks + 1 if ".embeddings." in name else 0
