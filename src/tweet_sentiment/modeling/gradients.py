"""The head's loss and gradients by hand: with 16 posts at a time, autograd costs more than the arithmetic.

The weights that learn lie in two flat tensors, those that decay and those that do not, and so do their gradients: the
optimizer and the clipping then touch two tensors, however many layers learn. The module's weights are views of them.
"""

import torch
from torch import nn


def flatten(parameters: list[nn.Parameter]) -> nn.Parameter:
    """Move the parameters into one flat tensor of which they become views; its gradient is there, and so are theirs."""
    flat = nn.Parameter(torch.cat([parameter.detach().flatten() for parameter in parameters]))
    flat.grad = torch.zeros_like(flat)
    start = 0
    for parameter in parameters:
        end = start + parameter.numel()
        parameter.data = flat.data[start:end].view_as(parameter)
        parameter.grad = flat.grad[start:end].view_as(parameter)
        start = end
    return flat


def head_gradients(
    pre_classifier: nn.Linear, classifier: nn.Linear, dropout: float, vectors: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Write the gradients of the mean cross-entropy into ``.grad`` of the weights that have one; return the loss.

    ``vectors`` has shape (posts, dim); ``targets`` (posts, classes) is one-hot, times the weight of the class. The
    head is that of ``DistilBertForSequenceClassification``: linear, ReLU, dropout with this probability, linear.
    """
    with torch.inference_mode():
        hidden = torch.addmm(pre_classifier.bias, vectors, pre_classifier.weight.t())
        passing = torch.empty_like(hidden).bernoulli_(1 - dropout).mul_(hidden > 0).mul_(1 / (1 - dropout))
        active = hidden.mul_(passing)
        log_likely = torch.addmm(classifier.bias, active, classifier.weight.t()).log_softmax(1)
        weights = targets.sum(1, keepdim=True)
        total = weights.sum()
        back = log_likely.exp().mul_(weights).sub_(targets).div_(total)
        _linear_gradients(classifier, back, active)
        if pre_classifier.weight.grad is not None or pre_classifier.bias.grad is not None:
            _linear_gradients(pre_classifier, (back @ classifier.weight).mul_(passing), vectors)
        return -(log_likely * targets).sum() / total


def _linear_gradients(layer: nn.Linear, back: torch.Tensor, inputs: torch.Tensor) -> None:
    if layer.weight.grad is not None:
        torch.mm(back.t(), inputs, out=layer.weight.grad)
    if layer.bias.grad is not None:
        torch.sum(back, 0, out=layer.bias.grad)


def clip(flat: list[nn.Parameter], max_norm: float) -> None:
    """Scale the gradients down to a norm of ``max_norm`` in all, as ``torch.nn.utils.clip_grad_norm_`` does."""
    gradients = [parameter.grad for parameter in flat if parameter.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
    if norm > max_norm:
        for gradient in gradients:
            gradient.mul_(max_norm / (norm + 1e-6))
