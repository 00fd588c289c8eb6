"""The frozen encoder, computed once: one vector a post, on which heads are trained."""

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import DistilBertModel

from tweet_sentiment.modeling.batching import batches_by_length, pad, to_device
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.progress import progress_bar


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
    features = np.empty((len(input_ids), encoder.config.dim), dtype=np.float32)
    with torch.inference_mode(), device.autocast(), progress_bar(description, len(input_ids)) as bar:
        for rows in batches_by_length([len(ids) for ids in input_ids]):
            batch = to_device(pad([input_ids[i] for i in rows], padding_id), device.name)
            features[rows] = encoder(**batch).last_hidden_state[:, 0].float().cpu().numpy()
            bar.update(len(rows))
    if not np.isfinite(features).all():
        raise FloatingPointError("the encoder gave features that are not finite")
    return features
