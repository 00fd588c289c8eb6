"""The loss that is trained on, where it is not the plain cross-entropy; evaluation always has the plain one."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

Loss = Callable[[Tensor, Tensor], Tensor]


def training_loss(class_weights: list[float] | None, label_smoothing: float = 0.0) -> Loss | None:
    """Return the loss of logits, shape (posts, classes), and labels; None stands for the plain cross-entropy."""
    plain = class_weights is None and not label_smoothing
    return None if plain else partial(_weighted, class_weights=class_weights, label_smoothing=label_smoothing)


def _weighted(logits: Tensor, labels: Tensor, class_weights: list[float] | None, label_smoothing: float) -> Tensor:
    weight = None if class_weights is None else torch.tensor(class_weights, device=logits.device)
    return cross_entropy(logits.float(), labels, weight=weight, label_smoothing=label_smoothing)
