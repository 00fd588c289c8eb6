"""One place where word pieces become logits."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from numpy.typing import NDArray
from torch import nn

from tweet_sentiment.errors import StudyError
from tweet_sentiment.metrics import PROBABILITY, score, softmax
from tweet_sentiment.modeling.batching import in_batches
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.folders import TrainedModel
from tweet_sentiment.modeling.lean import lean
from tweet_sentiment.parameters import ModelParameters, StudyParameters


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
        StudyError: a logit is not finite; a label from it would look right and be wrong.
    """
    model = model.to(device.name).eval()
    with torch.inference_mode(), lean(model), device.autocast():
        logits = in_batches(
            lambda batch: model(**batch).logits, input_ids, device.name, padding_id, pad_to, description
        ).numpy()
    if not np.isfinite(logits).all():
        raise StudyError("The model gave logits that are not finite: its weights are damaged, or it diverged.")
    return softmax(logits)


def predictions_table(trained: TrainedModel, tokens: Dataset, device: Device, model: ModelParameters) -> pd.DataFrame:
    """Return one row a post: row, id, label, predicted, and one probability a class."""
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


def scores_on(model: nn.Module, tokens: Dataset, device: Device, parameters: StudyParameters) -> dict[str, Any]:
    """Predict the posts and score the predictions; see :func:`tweet_sentiment.metrics.score`."""
    probabilities = predict(model, tokens["input_ids"], device, pad_to=_pad_to(parameters.model))
    return score(np.asarray(tokens["label"]), probabilities, parameters.labels)


def _pad_to(model: ModelParameters) -> int | None:
    return model.max_length if model.padding == "max_length" else None
