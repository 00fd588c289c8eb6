"""The fast code in ``fast/`` if it exists; if that folder was deleted, plain modules and autograd.

Only this module imports ``fast``. Results are the same except for rounding and the dropout in the encoder's blocks.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tweet_sentiment.modeling.model_folder import load_weights

try:
    from tweet_sentiment.modeling.fast import HeadStep, forward, network_of

    FAST = True
except ImportError as error:
    if error.name != f"{__package__}.fast":  # something that it imports itself
        raise
    FAST = False


class PlainStep:
    """A step of the head's trainable weights: autograd, clipped gradients, AdamW; only matrices decay.

    ``context`` is the context of all steps.
    """

    context: type[AbstractContextManager[Any]] = nullcontext

    def __init__(self, head: Any, weight_decay: float, max_grad_norm: float) -> None:
        self.head, self.max_grad_norm = head, max_grad_norm
        learning = [one for one in head.parameters() if one.requires_grad]
        groups = [
            {"params": [one for one in learning if (one.ndim > 1) == matrix], "weight_decay": decay}
            for matrix, decay in ((True, weight_decay), (False, 0.0))
        ]
        self.optimizer = torch.optim.AdamW([group for group in groups if group["params"]], fused=True)

    def __call__(
        self,
        learning_rate: float,
        vectors: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        kept: Sequence[torch.Tensor],
    ) -> torch.Tensor:
        """Take a step and return the mean cross-entropy before it.

        ``vectors`` has shape (posts, dim); ``targets`` (posts, classes) is one-hot, times the post's weight;
        ``weights`` (posts, 1), None if all are 1; the masks ``kept``, each (posts, dim), are False for dropped values.
        """
        loss = -(self.head(vectors, kept).log_softmax(1) * targets).sum()
        loss = loss / (len(targets) if weights is None else weights.sum())
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.head.parameters(), self.max_grad_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()
        return loss.detach()


def head_step(head: Any, weight_decay: float, max_grad_norm: float) -> PlainStep:
    """Return the object that takes the steps of a head's training."""
    kind: Any = HeadStep if FAST and HeadStep.fits(head) else PlainStep
    return kind(head, weight_decay, max_grad_norm)


def fast_forward(model: nn.Module) -> AbstractContextManager[Any]:
    """Make the encoder within ``model`` faster inside this context, if its family has fast code.

    Only ``model.pooled_position`` of the last hidden state (default 0) is valid then; None: all positions are.
    """
    return forward(model) if FAST else nullcontext()


def load_network(folder: Path, manifest: dict[str, Any]) -> Any:
    """Load the model of a folder that has been checked, for prediction and explanation, not for training.

    See ``model_folder.load_weights``, which needs transformers; ``fast`` has classifiers that do not.
    """
    return load_weights(folder, manifest, network_of) if FAST else load_weights(folder, manifest)
