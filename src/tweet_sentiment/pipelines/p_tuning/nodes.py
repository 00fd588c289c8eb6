"""P-tuning: ``modeling.techniques.fit_p_tuning``, and what is kept of it."""

from pathlib import Path
from typing import Any

import pandas as pd

from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.provenance import manifest


def train(
    training_posts: pd.DataFrame,
    test_posts: pd.DataFrame,
    row_counts: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> tuple[Any, pd.DataFrame, dict[str, Any]]:
    """Train the prompt's network and what is named of the head; return model, curves and figures."""
    from tweet_sentiment.modeling.techniques import fit_p_tuning
    from tweet_sentiment.modeling.tuning import TuningData

    fitted = fit_p_tuning(TuningData(training_posts, test_posts, row_counts, working_folder), parameters)
    training = fitted.fit.figures
    return fitted.model(manifest("p_tuning", parameters, row_counts, training)), fitted.fit.curves, training


def repeat_with_seeds(
    training_posts: pd.DataFrame,
    test_posts: pd.DataFrame,
    row_counts: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """With ``p_tuning.repeat_seeds``, train with each further seed; return one row a seed with its scores."""
    from tweet_sentiment.modeling.techniques import fit_p_tuning
    from tweet_sentiment.modeling.tuning import TuningData, repeat_tuning

    data = TuningData(training_posts, test_posts, row_counts, working_folder / "seeds")
    return repeat_tuning(fit_p_tuning, data, parameters.p_tuning, parameters)
