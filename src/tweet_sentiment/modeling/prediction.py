"""One place where word pieces become logits."""

from copy import deepcopy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tweet_sentiment.modeling import batching
from tweet_sentiment.modeling.batching import ROUND_TO, pad, without_idle_mask
from tweet_sentiment.modeling.by_length import TOKENS_A_BATCH
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.lean import lean
from tweet_sentiment.modeling.side_by_side import batches_at_once
from tweet_sentiment.scoring.metrics import PROBABILITY, probabilities_of, score

if TYPE_CHECKING:
    import pandas as pd
    from datasets import Dataset

    from tweet_sentiment.modeling.folders import TrainedModel
    from tweet_sentiment.parameters import ModelParameters, StudyParameters


class TorchBackend:
    """A model of its own to ask, on its device: it is moved, cast and made lean, no longer fit to be trained or saved.

    Safe to be asked from several threads. ``description`` says what decides about the last digits of a probability.
    """

    def __init__(self, model: nn.Module, device: Device, padding_id: int = 0) -> None:
        kind = device.name.split(":")[0]
        self.model = cast_linear_layers(model, device).to(device.name).eval()
        self.device, self.padding_id, self._multiple = device, padding_id, ROUND_TO[kind]
        self.tokens_a_batch, self.batches_at_once = TOKENS_A_BATCH[kind], batches_at_once(kind)
        self.description = f"torch {device.name} {device.precision}"
        self._lean = lean(self.model)  # for as long as the backend lives
        self._lean.__enter__()

    def logits(self, input_ids: list[list[int]]) -> NDArray[np.float32]:
        """Return the logits of one batch of word pieces, shape (rows, classes)."""
        with torch.inference_mode(), self.device.autocast():
            batch = without_idle_mask(pad(input_ids, self.padding_id, None, self._multiple))
            on_device = {key: tensor.to(self.device.name) for key, tensor in batch.items()}
            return self.model(**on_device).logits.float().cpu().numpy()

    @cached_property
    def in_fp32(self) -> nn.Module:
        """Return the model for what needs gradients: the same weights, but every calculation in fp32."""
        cast = any(parameter.dtype != torch.float32 for parameter in self.model.parameters())
        return deepcopy(self.model).float() if cast else self.model


def cast_linear_layers(model: nn.Module, device: Device) -> nn.Module:
    """Cast the linear layers' weights to what autocast would cast them to at every call; same figures, less work."""
    dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(device.precision)
    if dtype is not None:
        for layer in model.modules():
            if isinstance(layer, nn.Linear):
                layer.to(dtype)
    return model


def predict(
    model: nn.Module,
    input_ids: list[list[int]],
    device: Device,
    padding_id: int = 0,
    pad_to: int | None = None,
    description: str = "Predicting",
) -> NDArray[np.float64]:
    """Return the probability of each class, shape (posts, classes), rows in the order given.

    Raises:
        StudyError: a logit is not finite.
    """
    model = model.to(device.name).eval()
    with torch.inference_mode(), lean(model), device.autocast():
        logits = batching.in_batches(
            lambda batch: model(**batch).logits, input_ids, device.name, padding_id, pad_to, description
        )
    return probabilities_of(logits.numpy())


def predictions_table(
    trained: "TrainedModel", tokens: "Dataset", device: Device, model: "ModelParameters"
) -> "pd.DataFrame":
    """Return one row a post: row, id, label, predicted, and one probability a class."""
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


def scores_on(model: nn.Module, tokens: "Dataset", device: Device, parameters: "StudyParameters") -> dict[str, Any]:
    """Predict the posts and score the predictions; see :func:`tweet_sentiment.scoring.metrics.score`."""
    probabilities = predict(model, tokens["input_ids"], device, pad_to=_pad_to(parameters.model))
    return score(np.asarray(tokens["label"]), probabilities, parameters.labels)


def _pad_to(model: "ModelParameters") -> int | None:
    return model.max_length if model.padding == "max_length" else None
