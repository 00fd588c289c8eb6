"""Wiring of hyperparameter_search."""

from kedro.pipeline import Pipeline, node

from .nodes import plot_search, repeat_with_seeds, search, train_best

DATA = ["training_tokens", "validation_tokens", "training_features", "validation_features"]


def create_pipeline() -> Pipeline:
    """Search, plot the search, train with the best values."""
    return Pipeline(
        [
            node(
                search,
                [*DATA, "row_account", "working_folder", "parameters"],
                ["hyperparameters", "table_of_trials"],
                name="search",
            ),
            node(
                plot_search,
                ["table_of_trials", "parameters"],
                ["figure_of_history", "figure_of_importance", "figure_of_parallel_coordinates"],
                name="plot_search",
            ),
            node(
                train_best,
                [*DATA, "encoding", "row_account", "hyperparameters", "working_folder", "parameters"],
                ["model", "curves", "training"],
                name="train_best",
            ),
            node(
                repeat_with_seeds,
                [*DATA, "row_account", "hyperparameters", "working_folder", "parameters"],
                "table_of_seeds",
                name="repeat_with_seeds",
            ),
        ],
        namespace="hyperparameter_search",
        inputs={*DATA, "encoding", "row_account"},
        parameters="parameters",
        tags="hyperparameter_search",
    )
