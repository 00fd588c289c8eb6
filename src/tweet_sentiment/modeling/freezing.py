"""Which parameters learn. A verb of its own, apart from the trainer."""

from torch import nn

from tweet_sentiment.errors import StudyError


def freeze(model: nn.Module) -> None:
    """Stop every parameter from learning."""
    for parameter in model.parameters():
        parameter.requires_grad = False


def unfreeze_all(model: nn.Module, but: list[str]) -> None:
    """Let every parameter learn but those named, by themselves or by what they are part of."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not any(_below(name, prefix) for prefix in but)


def unfreeze(model: nn.Module, names: list[str], top_blocks: int = 0) -> list[str]:
    """Freeze all but the named parameters and the top transformer blocks; return the names of those that learn.

    A name stands for itself and for all below it: ``classifier`` for ``classifier.weight`` and ``classifier.bias``
    (paper, section "Layer unfreezing").

    Raises:
        StudyError: a name fits no parameter, or the encoder has fewer blocks.
    """
    known = [name for name, _ in model.named_parameters()]
    prefixes = [*names, *_top_blocks(known, top_blocks)]
    for prefix in prefixes:
        if not any(_below(name, prefix) for name in known):
            raise StudyError(f"layer_unfreezing.unfreeze: the model has no parameter '{prefix}'.")
    learning = [name for name in known if any(_below(name, prefix) for prefix in prefixes)]
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name in learning
    return learning


def _below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def _top_blocks(known: list[str], count: int) -> list[str]:
    blocks = {name.split(".layer.")[0] + ".layer": 0 for name in known if ".layer." in name}
    for stem in blocks:
        blocks[stem] = 1 + max(int(n.removeprefix(f"{stem}.").split(".")[0]) for n in known if n.startswith(f"{stem}."))
    if count and (not blocks or count > min(blocks.values())):
        raise StudyError(f"layer_unfreezing.top_blocks is {count}; the encoder has {sum(blocks.values())} blocks.")
    return [f"{stem}.{i}" for stem, n in blocks.items() for i in range(n - count, n)]


def count_trainable(model: nn.Module) -> int:
    """Return the number of scalar weights that learn."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
