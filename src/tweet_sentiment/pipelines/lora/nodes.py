"""LoRA and IA3: ``modeling.techniques.fit_lora``, and what is kept of it."""

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
    """Train the adapter and the head, and merge them into a plain classifier; return model, curves and figures."""
    from tweet_sentiment.modeling.techniques import fit_lora
    from tweet_sentiment.modeling.tuning import TuningData

    fitted = fit_lora(TuningData(training_posts, test_posts, row_counts, working_folder), parameters)
    training = fitted.fit.figures
    return fitted.model(manifest("lora", parameters, row_counts, training)), fitted.fit.curves, training


def repeat_with_seeds(
    training_posts: pd.DataFrame,
    test_posts: pd.DataFrame,
    row_counts: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """With ``lora.repeat_seeds``, train with each further seed; return one row a seed with its scores."""
    from tweet_sentiment.modeling.techniques import fit_lora
    from tweet_sentiment.modeling.tuning import TuningData, repeat_tuning

    data = TuningData(training_posts, test_posts, row_counts, working_folder / "seeds")
    return repeat_tuning(fit_lora, data, parameters.lora, parameters)
