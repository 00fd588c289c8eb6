"""Wiring of prompt_tuning."""

from kedro.pipeline import Pipeline, node

from .heads import plot_heads, sweep_heads
from .nodes import predict, repeat_with_seeds, take_best, take_parameters, train


def create_pipeline(after_search: bool) -> Pipeline:
    """Train the prompts; with the search's best hyperparameters after a search, with the parameters' otherwise."""
    best = "hyperparameter_search.hyperparameters"
    return Pipeline(
        [
            node(take_best, best, "hyperparameters", name="take_best")
            if after_search
            else node(take_parameters, "parameters", "hyperparameters", name="take_parameters"),
            node(
                train,
                [
                    "training_posts",
                    "validation_posts",
                    "hyperparameters",
                    "row_account",
                    "working_folder",
                    "parameters",
                ],
                ["model", "curves", "table_of_prompts", "training"],
                name="train",
            ),
            node(
                repeat_with_seeds,
                [
                    "training_posts",
                    "validation_posts",
                    "hyperparameters",
                    "training",
                    "row_account",
                    "working_folder",
                    "parameters",
                ],
                "table_of_seeds",
                name="repeat_with_seeds",
            ),
            node(predict, ["model", "validation_posts", "parameters"], "predictions", name="predict"),
        ],
        namespace="prompt_tuning",
        inputs={"training_posts", "validation_posts", "row_account", *([best] if after_search else [])},
        parameters="parameters",
        tags="prompt_tuning",
    )


def create_sweep() -> Pipeline:
    """Train one prompt with and without layers of the head beside it, and draw the table."""
    posts = ["training_posts", "validation_posts", "row_account"]
    return Pipeline(
        [
            node(sweep_heads, [*posts, "working_folder", "parameters"], "table_of_heads", name="sweep_heads"),
            node(plot_heads, ["table_of_heads", "parameters"], "figure_of_heads", name="plot_heads"),
        ],
        namespace="prompt_tuning",
        inputs=set(posts),
        parameters="parameters",
        tags=["prompt_head_sweep", "past_the_paper"],
    )
