"""Layer unfreezing: load, unfreeze, fit (paper, section "Layer unfreezing")."""

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.provenance import manifest
from tweet_sentiment.scoring.metrics import dev_scores


def train(
    training_tokens: Any,
    test_tokens: Any,
    training_features: NDArray[np.float32],
    test_features: NDArray[np.float32],
    encoding: dict[str, Any],
    row_counts: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> tuple[Any, pd.DataFrame, dict[str, Any]]:
    """Train what ``layer_unfreezing`` names, from the untrained head on; return model, curves and figures."""
    from tweet_sentiment.modeling.fitting import FittingData, fit_from_start, scores_on_dev

    start = perf_counter()
    data = FittingData(training_tokens, test_tokens, training_features, test_features)
    hyperparameters = parameters.layer_unfreezing.hyperparameters
    fitted = fit_from_start(
        data,
        hyperparameters,
        parameters,
        working_folder=working_folder,
        fingerprint={"account": row_counts},
        description="Layer unfreezing",
    )
    training = fitted.fit.figures | {"seconds": perf_counter() - start, "encoding_seconds": encoding["seconds"]}
    training |= dev_scores(scores_on_dev(fitted.fit, data, hyperparameters, parameters, working_folder))
    return fitted.model(manifest("layer_unfreezing", parameters, row_counts, training)), fitted.fit.curves, training


def repeat_with_seeds(
    training_tokens: Any,
    test_tokens: Any,
    training_features: NDArray[np.float32],
    test_features: NDArray[np.float32],
    row_counts: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """Train again, once with each further seed; return one row a seed with its scores."""
    from tweet_sentiment.modeling.fitting import FittingData
    from tweet_sentiment.modeling.seeds import repeat_with_seeds

    return repeat_with_seeds(
        FittingData(training_tokens, test_tokens, training_features, test_features),
        parameters.layer_unfreezing.hyperparameters,
        parameters,
        working_folder=working_folder / "seeds",
        fingerprint={"account": row_counts},
    )
