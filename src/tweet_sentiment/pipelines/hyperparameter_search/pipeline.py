"""Wiring of hyperparameter_search."""

from kedro.pipeline import Pipeline, node

from .nodes import plot_search, search, train_best

DATA = ["training_tokens", "validation_tokens", "training_features", "validation_features"]


def create_pipeline() -> Pipeline:
    """Search, plot the search, train with the best values."""
    name = "hyperparameter_search"
    return Pipeline(
        [
            node(
                search,
                [*DATA, "row_account", f"{name}.working_folder", "parameters"],
                [f"{name}.hyperparameters", f"{name}.table_of_trials"],
                namespace=name,
            ),
            node(
                plot_search,
                [f"{name}.table_of_trials", "parameters"],
                [
                    f"{name}.figure_of_history",
                    f"{name}.figure_of_importance",
                    f"{name}.figure_of_parallel_coordinates",
                ],
                namespace=name,
            ),
            node(
                train_best,
                [
                    *DATA,
                    "encoding",
                    "row_account",
                    f"{name}.hyperparameters",
                    f"{name}.working_folder",
                    "parameters",
                ],
                [f"{name}.model", f"{name}.curves", f"{name}.training"],
                namespace=name,
            ),
        ],
        tags=name,
    )
