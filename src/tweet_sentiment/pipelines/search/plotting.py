"""The node that draws a search; it is in its own module so that a change of figures does not repeat the search."""

from typing import Any

import pandas as pd

from tweet_sentiment.parameters import SearchParameters, TrainingParameters


def plot_search(trials: pd.DataFrame, search: SearchParameters, training: TrainingParameters) -> tuple[Any, Any, Any]:
    """Draw Optuna's history, importance and parallel coordinates from the table of trials."""
    from .figures import search_figures

    return search_figures(trials, search.space, training.metric_for_best_model)
