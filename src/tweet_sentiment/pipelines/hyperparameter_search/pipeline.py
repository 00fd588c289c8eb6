"""Wiring of hyperparameter_search."""

from kedro.pipeline import Pipeline, node

from .nodes import plot_search, repeat_with_seeds, search, train_best
from .technique import plot_technique_search, search_technique, train_best_technique

DATA = ["training_tokens", "test_tokens", "training_features", "test_features"]


def create_pipeline() -> Pipeline:
    """Search, plot the search, train with the best values."""
    return Pipeline(
        [
            node(
                search,
                [*DATA, "row_counts", "working_folder", "parameters"],
                ["hyperparameters", "table_of_trials"],
                name="search",
                tags="device",
            ),
            node(
                plot_search,
                ["table_of_trials", "parameters"],
                ["figure_of_history", "figure_of_importance", "figure_of_parallel_coordinates"],
                name="plot_search",
            ),
            node(
                train_best,
                [*DATA, "encoding", "row_counts", "hyperparameters", "working_folder", "parameters"],
                ["model", "curves", "training"],
                name="train_best",
                tags="device",
            ),
            node(
                repeat_with_seeds,
                [*DATA, "row_counts", "hyperparameters", "working_folder", "parameters"],
                "table_of_seeds",
                name="repeat_with_seeds",
                tags="device",
            ),
        ],
        namespace="hyperparameter_search",
        inputs={*DATA, "encoding", "row_counts"},
        parameters="parameters",
        tags="hyperparameter_search",
    )


def create_technique_search() -> Pipeline:
    """Do the same for a technique that trains through the encoder."""
    posts = ["training_posts", "test_posts", "row_counts"]
    return Pipeline(
        [
            node(
                search_technique,
                [*posts, "working_folder", "parameters"],
                ["hyperparameters", "table_of_trials"],
                name="search_technique",
                tags="device",
            ),
            node(
                plot_technique_search,
                ["table_of_trials", "parameters"],
                ["figure_of_history", "figure_of_importance", "figure_of_parallel_coordinates"],
                name="plot_technique_search",
            ),
            node(
                train_best_technique,
                [*posts, "hyperparameters", "working_folder", "parameters"],
                ["model", "curves", "training"],
                name="train_best_technique",
                tags="device",
            ),
        ],
        namespace="technique_search",
        inputs=set(posts),
        parameters="parameters",
        tags=["technique_search", "past_the_paper"],
    )
