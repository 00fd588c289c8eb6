"""The frozen encoder, run once over every post."""

from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tweet_sentiment.parameters import Compute, ModelParameters


def encode_posts(
    training_tokens: Any, test_tokens: Any, model: ModelParameters, compute: Compute
) -> tuple[NDArray[np.float32], NDArray[np.float32], dict[str, Any]]:
    """Encode all posts once; return the features of both sets, shape (posts, dim), in the order of tokens, and cost.

    With ``model.encoder_dropout`` no features are computed, since nothing reads them.
    """
    from tweet_sentiment.modeling.devices import device_of
    from tweet_sentiment.modeling.encoder_files import checkpoint_hash
    from tweet_sentiment.modeling.encoders import load_encoder
    from tweet_sentiment.modeling.prediction import encode

    encoder = load_encoder(model.checkpoint)
    device = device_of(compute)
    if model.encoder_dropout:
        nothing = np.empty((0, encoder.config.hidden_size), dtype=np.float32)
        return nothing, nothing, {"posts": 0, "seconds": 0.0}
    start = perf_counter()
    training = encode(encoder, training_tokens["input_ids"], device, description="Encoding training posts")
    validation = encode(encoder, test_tokens["input_ids"], device, description="Encoding test posts")
    return (
        training,
        validation,
        {
            "posts": len(training) + len(validation),
            "seconds": perf_counter() - start,
            "device": device.name,
            "dtype": device.precision,
            "encoder_sha256": checkpoint_hash(model.checkpoint),
        },
    )
