"""Which parameters are trained, and at which rates."""

from typing import Any

import torch
from torch import nn

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.encoders import below, parts_of, plain_model
from tweet_sentiment.parameters import Hyperparameters

_HIGHEST, _WEIGHTS = 2e-4, 10_646_784  # the rate that suits the embedded encoder, and the weights of its blocks


def freeze(model: nn.Module) -> None:
    """Freeze every parameter."""
    model.requires_grad_(False)


def unfreeze(model: Any, names: list[str], top_blocks: int = 0) -> list[str]:
    """Freeze all except the named parameters and the top transformer blocks; return the names of the trainable ones.

    A name includes everything below it: ``classifier`` means ``classifier.weight`` and ``classifier.bias``
    (paper, section "Layer unfreezing"). ``head``, ``encoder`` and ``embeddings`` are these parts of any family.

    Raises:
        StudyError: a name fits no parameter, or the encoder has fewer blocks.
    """
    parts, known = parts_of(model), [name for name, _ in model.named_parameters()]
    prefixes = [part for name in names for part in parts.named(name)]
    for prefix in prefixes:
        if not any(below(name, [prefix]) for name in known):
            raise StudyError(f"layer_unfreezing.unfreeze: the model has no parameter '{prefix}'.")
    if top_blocks > parts.count:
        raise StudyError(f"layer_unfreezing.top_blocks is {top_blocks}; the encoder has {parts.count} blocks.")
    prefixes += [f"{parts.blocks}.{i}" for i in range(parts.count - top_blocks, parts.count)]
    learning = [name for name in known if below(name, prefixes)]
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name in learning
    return learning


def unfreeze_all(model: Any, but: list[str]) -> None:
    """Make every parameter trainable except those named, as in ``unfreeze``."""
    frozen = [part for name in but for part in parts_of(model).named(name)]
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not below(name, frozen)


def count_trainable(model: nn.Module) -> int:
    """Return the number of trainable scalar weights."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def trainable_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the trainable weights, by their names, on the CPU."""
    return {name: one.detach().cpu().contiguous() for name, one in model.named_parameters() if one.requires_grad}


def with_learning_rate(hyperparameters: Hyperparameters, model: Any) -> Hyperparameters:
    """Return the hyperparameters with ``auto`` replaced by the learning rate for training the whole model.

    It falls as the weights of the encoder's blocks grow, from 2e-4 for the embedded encoder and smaller ones: to 5e-5
    for DistilBERT, 2.5e-5 for BERT's base size. BERT's paper takes 2e-5 to 5e-5 (J. Devlin et al., 2019, appendix A.3).
    """
    if not isinstance(hyperparameters.learning_rate, str):  # "auto"
        return hyperparameters
    parts, layers = parts_of(model), plain_model(model).config.num_hidden_layers
    each = sum(one.numel() for one in model.get_submodule(parts.blocks).parameters()) / parts.count
    return hyperparameters.under(learning_rate=float(f"{min(1.0, _WEIGHTS / (each * layers)) * _HIGHEST:.2g}"))


def layerwise_groups(model: Any, learning_rate: float, weight_decay: float, decay: float) -> list[dict[str, Any]]:
    """Return the optimizer's groups of trainable weights: the head at ``learning_rate``, lower layers at lower rates.

    With n blocks, the rate of the top block is ``decay`` times the head's rate, that of the lowest ``decay ** n``, and
    that of the embeddings and other layers ``decay ** (n + 1)``. Biases and layer norms have no weight decay.
    The head comes first, so the curves show its rate. Source: K. Clark et al., "ELECTRA", 2020, appendix B.
    """
    parts = parts_of(model)
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((parts.depth(name), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": groups[depth, decays],
            "lr": learning_rate * decay**depth,
            "weight_decay": weight_decay if decays else 0.0,
        }
        for depth, decays in sorted(groups)
    ]
