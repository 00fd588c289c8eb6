"""The head's step by hand: with 16 posts at a time, autograd and the optimizer's upkeep cost more than the arithmetic.

The weights that learn lie in two flat tensors, those that decay and those that do not, and so do their gradients: the
optimizer and the clipping then touch two tensors, however many layers learn. The module's weights are views of them.
"""

import math

import torch
from torch import nn

from tweet_sentiment.modeling.dropout import draw_kept

BETAS, EPSILON = (0.9, 0.999), 1e-8  # the Trainer's


class FlatWeights:
    """Parameters moved into one flat tensor of which they become views; their gradients are views of its gradient."""

    def __init__(self, parameters: list[nn.Parameter], weight_decay: float) -> None:
        self.values = torch.cat([parameter.detach().flatten() for parameter in parameters])
        self.gradient = torch.zeros_like(self.values)
        self.moments = torch.zeros_like(self.values), torch.zeros_like(self.values)
        self.taken = torch.zeros((), device=self.values.device)
        self.weight_decay = weight_decay
        start = 0
        for parameter in parameters:
            end = start + parameter.numel()
            parameter.data = self.values[start:end].view_as(parameter)
            parameter.grad = self.gradient[start:end].view_as(parameter)
            start = end

    def step(self, learning_rate: float) -> None:
        """Take a step of AdamW: the kernel of ``torch.optim.AdamW(fused=True)``, without its upkeep at each step."""
        self.taken += 1
        torch._fused_adamw_(
            [self.values],
            [self.gradient],
            [self.moments[0]],
            [self.moments[1]],
            [],
            [self.taken],
            lr=learning_rate,
            beta1=BETAS[0],
            beta2=BETAS[1],
            weight_decay=self.weight_decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )


@torch.inference_mode()
def head_gradients(
    pre_classifier: nn.Linear, classifier: nn.Linear, dropout: float, vectors: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Write the gradients of the mean cross-entropy into ``.grad`` of the weights that have one; return the loss.

    ``vectors`` has shape (posts, dim); ``targets`` (posts, classes) is one-hot, times the weight of the class. The
    head is that of ``DistilBertForSequenceClassification``: linear, ReLU, dropout with this probability, linear.
    """
    active = torch.addmm(pre_classifier.bias, vectors, pre_classifier.weight.t())
    passing = draw_kept(active.shape, dropout, active.device).logical_and_(active > 0)
    active.mul_(passing).mul_(1 / (1 - dropout))
    log_likely = torch.addmm(classifier.bias, active, classifier.weight.t()).log_softmax(1)
    weights = targets.sum(1, keepdim=True)
    total = weights.sum()
    back = log_likely.exp().mul_(weights).sub_(targets).div_(total)
    _linear_gradients(classifier, back, active)
    if pre_classifier.weight.grad is not None or pre_classifier.bias.grad is not None:
        _linear_gradients(pre_classifier, (back @ classifier.weight).mul_(passing).mul_(1 / (1 - dropout)), vectors)
    return -(log_likely * targets).sum() / total


def _linear_gradients(layer: nn.Linear, back: torch.Tensor, inputs: torch.Tensor) -> None:
    if layer.weight.grad is not None:
        torch.mm(back.t(), inputs, out=layer.weight.grad)
    if layer.bias.grad is not None:
        torch.sum(back, 0, out=layer.bias.grad)


@torch.inference_mode()
def clip(flat: list[FlatWeights], max_norm: float) -> None:
    """Scale the gradients down to a norm of ``max_norm`` in all, as ``torch.nn.utils.clip_grad_norm_`` does."""
    norm = math.sqrt(sum(float(torch.dot(weights.gradient, weights.gradient)) for weights in flat))
    if norm > max_norm:
        for weights in flat:
            weights.gradient.mul_(max_norm / (norm + 1e-6))
