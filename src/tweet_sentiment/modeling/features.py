"""The frozen encoder, computed once: one vector a post, on which heads are trained."""

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import DistilBertModel

from tweet_sentiment.modeling.batching import in_batches
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.lean import lean


def encode(
    encoder: DistilBertModel,
    input_ids: list[list[int]],
    device: Device,
    padding_id: int = 0,
    description: str = "Encoding",
) -> NDArray[np.float32]:
    """Return the last hidden state at [CLS] of each post, shape (posts, dim), without dropout.

    It is what ``DistilBertForSequenceClassification`` gives to its head.

    Raises:
        FloatingPointError: a feature is not finite.
    """
    encoder.eval().to(torch.device(device.name))
    with torch.inference_mode(), lean(encoder), device.autocast():
        features = in_batches(
            lambda batch: encoder(**batch).last_hidden_state[:, 0],
            input_ids,
            device.name,
            padding_id,
            pad_to=None,
            description=description,
        ).numpy()
    if not np.isfinite(features).all():
        raise FloatingPointError("the encoder gave features that are not finite")
    return features
