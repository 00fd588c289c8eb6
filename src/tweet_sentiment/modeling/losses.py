"""The loss that is trained on, where it is not the plain cross-entropy; evaluation always has the plain one."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax

Loss = Callable[[Tensor, Tensor], Tensor]


def training_loss(
    class_weights: list[float] | None, label_smoothing: float = 0.0, consistency_weight: float = 0.0
) -> Loss | None:
    """Return the loss of logits, shape (posts, classes), and labels; None stands for the plain cross-entropy.

    With a ``consistency_weight`` the posts are pairs, two wordings of a tweet side by side, and that many times the
    mean of both Kullback-Leibler divergences between their predictions is added. Labels may be probabilities, shape
    (posts, classes). Source: X. Liang et al., "R-Drop", 2021, with another wording in place of another dropout.
    """
    if class_weights is None and not label_smoothing and not consistency_weight:
        return None

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        logits = logits.float()
        weight = None if class_weights is None else torch.tensor(class_weights, device=logits.device)
        learnt = cross_entropy(logits, labels, weight=weight, label_smoothing=label_smoothing)
        return learnt + consistency_weight * divergence_of_pairs(logits) if consistency_weight else learnt

    return loss


def divergence_of_pairs(logits: Tensor) -> Tensor:
    """Return the symmetric Kullback-Leibler divergence between rows 0 and 1, 2 and 3, …, in nats, mean over pairs."""
    logs = log_softmax(logits, dim=-1)
    one, other = logs[0::2], logs[1::2]
    there = kl_div(one, other, reduction="batchmean", log_target=True)
    return (there + kl_div(other, one, reduction="batchmean", log_target=True)) / 2
