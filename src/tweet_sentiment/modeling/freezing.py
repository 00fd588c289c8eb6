"""Which parameters learn, and how fast. A verb of its own, apart from the trainer."""

from typing import Any

from torch import nn

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.encoders import family_of


def freeze(model: nn.Module) -> None:
    """Stop every parameter from learning."""
    model.requires_grad_(False)


def unfreeze(model: Any, names: list[str], top_blocks: int = 0) -> list[str]:
    """Freeze all but the named parameters and the top transformer blocks; return the names of those that learn.

    A name stands for itself and for all below it: ``classifier`` for ``classifier.weight`` and ``classifier.bias``
    (paper, section "Layer unfreezing"). ``head``, ``encoder`` and ``embeddings`` stand for these parts of any family.

    Raises:
        StudyError: a name fits no parameter, or the encoder has fewer blocks.
    """
    family, known = family_of(model), [name for name, _ in model.named_parameters()]
    prefixes = [part for name in names for part in family.parts(name)]
    for prefix in prefixes:
        if not any(_below(name, [prefix]) for name in known):
            raise StudyError(f"layer_unfreezing.unfreeze: the model has no parameter '{prefix}'.")
    count = model.config.num_hidden_layers
    if top_blocks > count:
        raise StudyError(f"layer_unfreezing.top_blocks is {top_blocks}; the encoder has {count} blocks.")
    prefixes += [f"{family.encoder}.{family.blocks}.{i}" for i in range(count - top_blocks, count)]
    learning = [name for name in known if _below(name, prefixes)]
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name in learning
    return learning


def unfreeze_all(model: Any, but: list[str]) -> None:
    """Let every parameter learn but those named, as in :func:`unfreeze`."""
    frozen = [part for name in but for part in family_of(model).parts(name)]
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not _below(name, frozen)


def _below(name: str, prefixes: list[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def count_trainable(model: nn.Module) -> int:
    """Return the number of scalar weights that learn."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def layerwise_groups(model: Any, learning_rate: float, weight_decay: float, decay: float) -> list[dict[str, Any]]:
    """Return the optimizer's groups of what learns: head at ``learning_rate``, each layer below at ``decay`` times it.

    Of an encoder with n blocks, the top block learns at ``decay``, the lowest at ``decay ** n``, and the embeddings at
    ``decay ** (n + 1)`` times the head's rate. Biases and layer norms have no weight decay. The head comes first, so
    the curves show its rate. Source: K. Clark et al., "ELECTRA", 2020, appendix B.
    """
    family, blocks = family_of(model), model.config.num_hidden_layers

    def depth(name: str) -> int:
        """Return how many layers lie between a parameter and the head: 0 is the head itself."""
        if (block := family.block_of(name)) is not None:
            return blocks - block
        return blocks + 1 if _below(name, family.parts("embeddings")) else 0

    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((depth(name), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": groups[depth, decays],
            "lr": learning_rate * decay**depth,
            "weight_decay": weight_decay if decays else 0.0,
        }
        for depth, decays in sorted(groups)
    ]
