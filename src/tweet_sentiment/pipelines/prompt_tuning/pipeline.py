"""Wiring of prompt_tuning."""

from kedro.pipeline import Pipeline, node

from .heads import plot_heads, sweep_heads
from .nodes import choose_hyperparameters, predict, repeat_with_seeds, train


def create_pipeline() -> Pipeline:
    """Choose the hyperparameters, train every prompt, keep the best."""
    found = "hyperparameter_search.hyperparameters"
    return Pipeline(
        [
            node(choose_hyperparameters, [found, "parameters"], "hyperparameters", name="choose_hyperparameters"),
            node(
                train,
                [
                    "training_posts",
                    "test_posts",
                    "hyperparameters",
                    "row_counts",
                    "working_folder",
                    "parameters",
                ],
                ["model", "curves", "table_of_prompts", "training"],
                name="train",
                tags="device",
            ),
            node(
                repeat_with_seeds,
                [
                    "training_posts",
                    "test_posts",
                    "hyperparameters",
                    "training",
                    "row_counts",
                    "working_folder",
                    "parameters",
                ],
                "table_of_seeds",
                name="repeat_with_seeds",
                tags="device",
            ),
            node(predict, ["model", "test_posts", "parameters"], "predictions", name="predict", tags="device"),
        ],
        namespace="prompt_tuning",
        inputs={"training_posts", "test_posts", "row_counts", found},
        parameters="parameters",
        tags="prompt_tuning",
    )


def create_sweep() -> Pipeline:
    """Train one prompt with and without layers of the head beside it, and draw the table."""
    posts = ["training_posts", "test_posts", "row_counts"]
    return Pipeline(
        [
            node(
                sweep_heads,
                [*posts, "working_folder", "parameters"],
                "table_of_heads",
                name="sweep_heads",
                tags="device",
            ),
            node(plot_heads, ["table_of_heads", "parameters"], "figure_of_heads", name="plot_heads"),
        ],
        namespace="prompt_tuning",
        inputs=set(posts),
        parameters="parameters",
        tags=["prompt_head_sweep", "past_the_paper"],
    )
