"""Word pieces to vectors, logits and probabilities, by torch."""

from collections.abc import Callable
from copy import deepcopy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tweet_sentiment.modeling.batching import TOKENS_PER_BATCH, batches_at_once, in_batches, padded, padding_of
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.encoders import check_length, pooled_first
from tweet_sentiment.modeling.speed import fast_forward
from tweet_sentiment.progress import progress_bar
from tweet_sentiment.scoring.metrics import PROBABILITY, probabilities_of, score

if TYPE_CHECKING:
    import pandas as pd
    from datasets import Dataset

    from tweet_sentiment.modeling.fitting import Setup
    from tweet_sentiment.modeling.model_folder import TrainedModel
    from tweet_sentiment.parameters import ModelParameters

Batch = dict[str, torch.Tensor]

MULTIPLE = {"cpu": 1, "cuda": 8}  # of widths: what a GPU's matrix units like; a CPU takes any, and each pad costs


def pad(
    rows: list[list[int]], padding_id: int, to: int | None = None, multiple: int = 1, separator: int | None = None
) -> Batch:
    """Return the result of ``modeling.batching.padded`` as tensors."""
    return {name: torch.from_numpy(one) for name, one in padded(rows, padding_id, to, multiple, separator).items()}


def without_idle_mask(batch: Batch) -> Batch:
    """Omit a mask that hides nothing: attention is faster without it, and a GPU need not be asked for its values."""
    idle = batch["attention_mask"].all()
    return {name: one for name, one in batch.items() if not idle or name != "attention_mask"}


class TorchBackend:
    """A model on its device, made fast: after the casts of ``cast_linear_layers`` it cannot be trained.

    It can be used from several threads. ``description`` says what decides the last digits of a probability.
    """

    def __init__(self, model: nn.Module, device: Device) -> None:
        self.model = cast_linear_layers(model, device).to(device.name).eval()
        self.device = device
        self.tokens_a_batch, self.batches_at_once = TOKENS_PER_BATCH[device.kind], batches_at_once(device.kind)
        self.description = f"torch {device.name} {device.precision}"
        self._fast = fast_forward(self.model)  # for as long as the backend lives
        self._fast.__enter__()

    def logits(self, input_ids: list[list[int]]) -> NDArray[np.float32]:
        """Return the logits of one batch of word pieces, shape (rows, classes)."""
        with torch.inference_mode(), self.device.autocast():
            return _output(self.model, input_ids, self.device).logits.float().cpu().numpy()

    @cached_property
    def in_fp32(self) -> nn.Module:
        """Return the model for gradients: the same weights, but every calculation in fp32."""
        cast = any(parameter.dtype != torch.float32 for parameter in self.model.parameters())
        return deepcopy(self.model).float() if cast else self.model


def cast_linear_layers(model: nn.Module, device: Device) -> nn.Module:
    """Cast the linear layers' weights once, as autocast would at every call; same figures, less work."""
    if device.precision != "fp32":
        for layer in model.modules():
            if isinstance(layer, nn.Linear):
                layer.to(device.dtype)
    return model


def _output(model: Any, rows: list[list[int]], device: Device, pad_to: int | None = None) -> Any:
    batch = without_idle_mask(pad(rows, to=pad_to, multiple=MULTIPLE[device.kind], **padding_of(model.config)))
    if device.kind == "cuda":  # so that the copy need not be waited for
        batch = {name: tensor.pin_memory().to(device.name, non_blocking=True) for name, tensor in batch.items()}
    return model(**batch)


def _read(
    model: nn.Module,
    input_ids: list[list[int]],
    device: Device,
    read: Callable[[Any], torch.Tensor],
    description: str,
    pad_to: int | None = None,
) -> NDArray[np.float32]:
    model, kind, progress = model.to(device.name).eval(), device.kind, progress_bar(description, len(input_ids))
    with torch.inference_mode(), fast_forward(model), device.autocast(), progress as bar:
        return in_batches(
            lambda rows: read(_output(model, rows, device, pad_to=pad_to)).float(),
            input_ids,
            TOKENS_PER_BATCH[kind],
            batches_at_once(kind),
            bar.update,
            lambda rows: rows.cpu().numpy(),
        )


def encode(
    encoder: nn.Module, input_ids: list[list[int]], device: Device, description: str = "Encoding"
) -> NDArray[np.float32]:
    """Return the vector that the head reads for each post, usually that of [CLS], shape (posts, dim), without dropout.

    Raises:
        StudyError: a post is longer than the encoder has positions.
        FloatingPointError: a feature is not finite.
    """
    check_length(encoder, max(map(len, input_ids), default=0))
    with pooled_first(encoder):
        features = _read(encoder, input_ids, device, lambda output: output.last_hidden_state[:, 0], description)
    if not np.isfinite(features).all():
        raise FloatingPointError("the encoder gave features that are not finite")
    return features


def predict(
    model: nn.Module, input_ids: list[list[int]], device: Device, pad_to: int | None = None
) -> NDArray[np.float64]:
    """Return the probability of each class, shape (posts, classes), in the order of the posts.

    Raises:
        StudyError: a logit is not finite.
    """
    return probabilities_of(_read(model, input_ids, device, lambda output: output.logits, "Predicting", pad_to))


def predictions_table(
    trained: "TrainedModel", tokens: "Dataset", device: Device, model: "ModelParameters"
) -> "pd.DataFrame":
    """Return one row per post: row, id, label, predicted, and one probability per class."""
    import pandas as pd

    probabilities = predict(trained.model, tokens["input_ids"], device, pad_to=_pad_to(model))
    labels = trained.manifest["labels"]
    return pd.DataFrame(
        {
            "row": tokens["row"],
            "id": tokens["id"],
            "label": [labels[i] for i in tokens["label"]],
            "predicted": [labels[i] for i in probabilities.argmax(axis=1)],
            **{f"{PROBABILITY}{label}": probabilities[:, i] for i, label in enumerate(labels)},
        }
    )


def scores_on(model: nn.Module, tokens: "Dataset", device: Device, setup: "Setup") -> dict[str, Any]:
    """Predict the posts and score the predictions; see ``scoring.metrics.score``."""
    probabilities = predict(model, tokens["input_ids"], device, pad_to=_pad_to(setup.model))
    return score(np.asarray(tokens["label"]), probabilities, setup.labels)


def _pad_to(model: "ModelParameters") -> int | None:
    return model.max_length if model.padding == "max_length" else None
