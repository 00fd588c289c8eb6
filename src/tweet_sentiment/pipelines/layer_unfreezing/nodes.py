"""Layer unfreezing: load, unfreeze, fit (paper, section "Layer unfreezing")."""

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.provenance import manifest


def train(
    training_tokens: Any,
    validation_tokens: Any,
    training_features: NDArray[np.float32],
    validation_features: NDArray[np.float32],
    encoding: dict[str, Any],
    row_account: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> tuple[Any, pd.DataFrame, dict[str, Any]]:
    """Train what ``layer_unfreezing`` names, from the untrained head on; return model, curves and figures."""
    from tweet_sentiment.modeling.devices import choose_device
    from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
    from tweet_sentiment.modeling.fitting import FittingData, fit_classifier
    from tweet_sentiment.modeling.folders import TrainedModel

    start = perf_counter()
    classifier = load_classifier(parameters.model.checkpoint, parameters.labels, parameters.seed)
    tokenizer = load_tokenizer(parameters.model.checkpoint)
    fit = fit_classifier(
        classifier,
        tokenizer,
        FittingData(training_tokens, validation_tokens, training_features, validation_features),
        parameters.layer_unfreezing.hyperparameters,
        parameters,
        device=choose_device(parameters.device, parameters.fp16, parameters.precision),
        working_folder=working_folder,
        fingerprint={"parameters": parameters.model_dump(), "account": row_account},
        description="Layer unfreezing",
    )
    training = fit.figures | {
        "n_train": len(training_tokens),
        "seconds": perf_counter() - start,
        "encoding_seconds": encoding["seconds"],
    }
    model = TrainedModel(classifier, tokenizer, manifest("layer_unfreezing", parameters, row_account, training))
    return model, fit.curves, training
