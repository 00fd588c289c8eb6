"""Full fine-tuning: load, let all layers learn, fit with layer-wise learning rates."""

from pathlib import Path
from typing import Any

import pandas as pd

from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.provenance import manifest


def train(
    training_posts: pd.DataFrame,
    validation_posts: pd.DataFrame,
    row_account: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> tuple[Any, pd.DataFrame, dict[str, Any]]:
    """Train every layer, the lower ones at lower rates; return model, curves and figures."""
    from tweet_sentiment.modeling.tuning import TuningData

    fitted = _fit(TuningData(training_posts, validation_posts, row_account, working_folder), parameters)
    training = fitted.fit.figures
    return fitted.model(manifest("full_fine_tuning", parameters, row_account, training)), fitted.fit.curves, training


def repeat_with_seeds(
    training_posts: pd.DataFrame,
    validation_posts: pd.DataFrame,
    row_account: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """With ``full_fine_tuning.repeat_seeds``, train with each further seed; return one row a seed with its scores."""
    from tweet_sentiment.modeling.tuning import TuningData, repeat_tuning

    data = TuningData(training_posts, validation_posts, row_account, working_folder / "seeds")
    return repeat_tuning(_fit, data, parameters.full_fine_tuning, parameters)


def _fit(data: Any, parameters: StudyParameters) -> Any:
    from tweet_sentiment.modeling.encoders import load_classifier
    from tweet_sentiment.modeling.freezing import unfreeze_all
    from tweet_sentiment.modeling.layerwise import layerwise_groups
    from tweet_sentiment.modeling.tuning import tune

    tuning = parameters.full_fine_tuning
    chosen = tuning.hyperparameters
    classifier = load_classifier(parameters.model.checkpoint, parameters.labels, parameters.seed)
    unfreeze_all(classifier, but=["distilbert.embeddings"] if tuning.freeze_embeddings else [])
    groups = layerwise_groups(
        classifier, chosen.learning_rate, chosen.weight_decay, tuning.layerwise_learning_rate_decay
    )
    return tune(classifier, data, tuning, parameters, optimizer_groups=groups)
