"""The head's step without autograd: with 16 posts at a time, autograd and optimizer cost more than the arithmetic.

The trainable weights are in two flat tensors, with and without decay, and so are their gradients: the optimizer and the
clipping then touch only two tensors. The module's weights are views of them.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

BETAS, EPSILON = (0.9, 0.999), 1e-8  # the Trainer's


class HeadStep:
    """A step of a head's training; see ``modeling.speed.PlainStep``."""

    context = torch.inference_mode

    def __init__(self, head: Any, weight_decay: float, max_grad_norm: float) -> None:
        self.max_grad_norm = max_grad_norm
        learning = [(name, one) for name, one in head.named_parameters() if one.requires_grad]
        weights, biases = ([one for name, one in learning if name.endswith("bias") == bias] for bias in (False, True))
        self.flat = [FlatWeights(those, decay) for those, decay in ((weights, weight_decay), (biases, 0.0)) if those]
        (dropout,) = head.dropouts
        self.gradients = HeadGradients(head.classifier.pre_classifier, head.classifier.classifier, dropout)

    @staticmethod
    def fits(head: Any) -> bool:
        """Tell whether the gradients below are the head's."""
        return hasattr(head.classifier, "pre_classifier")  # DistilBERT's

    def __call__(
        self,
        learning_rate: float,
        vectors: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        kept: Sequence[torch.Tensor],
    ) -> torch.Tensor:
        loss = self.gradients(vectors, targets, weights, kept[0])
        self._clip()
        for flat in self.flat:
            flat.step(learning_rate)
        return loss

    def _clip(self) -> None:
        norm = math.sqrt(sum(float(torch.dot(flat.gradient, flat.gradient)) for flat in self.flat))
        if norm > self.max_grad_norm:
            for flat in self.flat:
                flat.gradient.mul_(self.max_grad_norm / (norm + 1e-6))


class FlatWeights:
    """Parameters moved into one flat tensor of which they become views; their gradients are views of its gradient."""

    def __init__(self, parameters: list[nn.Parameter], weight_decay: float) -> None:
        self.values = torch.cat([parameter.detach().flatten() for parameter in parameters])
        self.gradient = torch.zeros_like(self.values)
        self.moments = torch.zeros_like(self.values), torch.zeros_like(self.values)
        self.taken = torch.zeros((), device=self.values.device)
        self.weight_decay = weight_decay
        sizes = [parameter.numel() for parameter in parameters]
        for parameter, value, gradient in zip(
            parameters, self.values.split(sizes), self.gradient.split(sizes), strict=True
        ):
            parameter.data, parameter.grad = value.view_as(parameter), gradient.view_as(parameter)

    def step(self, learning_rate: float) -> None:
        """Take a step of AdamW: the kernel of ``torch.optim.AdamW(fused=True)``, without its overhead."""
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


class HeadGradients:
    """The gradients of linear, ReLU, dropout, linear, written into ``.grad`` of the weights that have one."""

    def __init__(self, first: nn.Linear, last: nn.Linear, dropout: float) -> None:
        self.first, self.last = _Layer(first), _Layer(last)
        self.scale = 1 / (1 - dropout)

    def __call__(
        self, vectors: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None, kept: torch.Tensor
    ) -> torch.Tensor:
        """Compute the gradients of the mean cross-entropy and return it."""
        first, last = self.first, self.last
        active = torch.addmm(first.bias, vectors, first.transposed).relu_().mul_(kept)
        log_likely = torch.addmm(last.bias, active, last.transposed, alpha=self.scale).log_softmax(1)
        total = len(targets) if weights is None else float(weights.sum())
        back = log_likely.exp()
        if weights is not None:
            back.mul_(weights)
        back.sub_(targets).mul_(1 / total)
        if last.bias_gradient is not None:
            torch.sum(back, 0, out=last.bias_gradient)
        back.mul_(self.scale)  # from here on, of the layer before dropout's scaling
        if last.gradient is not None:
            torch.mm(back.t(), active, out=last.gradient)
        if first.gradient is not None or first.bias_gradient is not None:
            into = torch.ops.aten.threshold_backward(back @ last.weight, active, 0)
            if first.gradient is not None:
                torch.mm(into.t(), vectors, out=first.gradient)
            if first.bias_gradient is not None:
                torch.sum(into, 0, out=first.bias_gradient)
        return torch.dot(log_likely.flatten(), targets.flatten()).mul_(-1 / total)


class _Layer:
    """A linear layer's tensors: looking them up in the module costs as much as using them."""

    def __init__(self, layer: nn.Linear) -> None:
        self.weight, self.bias = layer.weight.data, layer.bias.data
        self.transposed = self.weight.t()
        self.gradient, self.bias_gradient = layer.weight.grad, layer.bias.grad
