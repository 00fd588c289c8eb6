"""LoRA and IA3: load, add the adapter, fit, merge."""

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
    """Train the adapter and the head, and merge them into a plain classifier; return model, curves and figures."""
    from tweet_sentiment.modeling.tuning import TuningData

    fitted = _fit(TuningData(training_posts, validation_posts, row_account, working_folder), parameters)
    training = fitted.fit.figures
    return fitted.model(manifest("lora", parameters, row_account, training)), fitted.fit.curves, training


def repeat_with_seeds(
    training_posts: pd.DataFrame,
    validation_posts: pd.DataFrame,
    row_account: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """With ``lora.repeat_seeds``, train with each further seed; return one row a seed with its scores."""
    from tweet_sentiment.modeling.tuning import TuningData, repeat_tuning

    data = TuningData(training_posts, validation_posts, row_account, working_folder / "seeds")
    return repeat_tuning(_fit, data, parameters.lora, parameters)


def _fit(data: Any, parameters: StudyParameters) -> Any:
    from dataclasses import replace

    from tweet_sentiment.modeling.adapters import add_adapter, merge
    from tweet_sentiment.modeling.encoders import load_classifier
    from tweet_sentiment.modeling.tuning import tune

    classifier = load_classifier(parameters.model.checkpoint, parameters.labels, parameters.seed)
    fitted = tune(add_adapter(classifier, parameters.lora, parameters.seed), data, parameters.lora, parameters)
    return replace(fitted, classifier=merge(fitted.classifier))
