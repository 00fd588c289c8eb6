"""Wiring of prompt_tuning."""

from kedro.pipeline import Pipeline, node

from .nodes import predict, take_best, take_parameters, train

NAME = "prompt_tuning"


def create_pipeline(after_search: bool) -> Pipeline:
    """Train the prompts; with the search's best hyperparameters after a search, with the parameters' otherwise."""
    source = (
        node(take_best, "hyperparameter_search.hyperparameters", f"{NAME}.hyperparameters", namespace=NAME)
        if after_search
        else node(take_parameters, "parameters", f"{NAME}.hyperparameters", namespace=NAME)
    )
    return Pipeline(
        [
            source,
            node(
                train,
                [
                    "training_posts",
                    "validation_posts",
                    f"{NAME}.hyperparameters",
                    "row_account",
                    f"{NAME}.working_folder",
                    "parameters",
                ],
                [f"{NAME}.model", f"{NAME}.curves", f"{NAME}.table_of_prompts", f"{NAME}.training"],
                namespace=NAME,
            ),
            node(
                predict,
                [f"{NAME}.model", "validation_posts", "parameters"],
                f"{NAME}.predictions",
                namespace=NAME,
            ),
        ],
        tags=NAME,
    )
