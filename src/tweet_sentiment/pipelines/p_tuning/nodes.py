"""P-tuning: load, add the prompt and its network, fit."""

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
    """Train the prompt's network and what is named of the head; return model, curves and figures."""
    from tweet_sentiment.modeling.tuning import TuningData

    fitted = _fit(TuningData(training_posts, validation_posts, row_account, working_folder), parameters)
    training = fitted.fit.figures
    return fitted.model(manifest("p_tuning", parameters, row_account, training)), fitted.fit.curves, training


def repeat_with_seeds(
    training_posts: pd.DataFrame,
    validation_posts: pd.DataFrame,
    row_account: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """With ``p_tuning.repeat_seeds``, train with each further seed; return one row a seed with its scores."""
    from tweet_sentiment.modeling.tuning import TuningData, repeat_tuning

    data = TuningData(training_posts, validation_posts, row_account, working_folder / "seeds")
    return repeat_tuning(_fit, data, parameters.p_tuning, parameters)


def _fit(data: Any, parameters: StudyParameters) -> Any:
    from tweet_sentiment.modeling.encoders import load_classifier
    from tweet_sentiment.modeling.p_tuning import KeepLearnt, add_prompt_encoder
    from tweet_sentiment.modeling.tuning import tune

    classifier = load_classifier(parameters.model.checkpoint, parameters.labels, parameters.seed)
    prompted = add_prompt_encoder(classifier, parameters.p_tuning, parameters.seed)
    return tune(prompted, data, parameters.p_tuning, parameters, callbacks=[KeepLearnt()])
