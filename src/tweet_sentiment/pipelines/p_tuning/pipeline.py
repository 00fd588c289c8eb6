"""Wiring of p_tuning."""

from kedro.pipeline import Pipeline, node

from .nodes import repeat_with_seeds, train

DATA = ["training_posts", "test_posts", "row_counts"]


def create_pipeline() -> Pipeline:
    """Train the prompt, then again with other seeds."""
    inputs = [*DATA, "working_folder", "parameters"]
    return Pipeline(
        [
            node(train, inputs, ["model", "curves", "training"], name="train", tags="device"),
            node(repeat_with_seeds, inputs, "table_of_seeds", name="repeat_with_seeds", tags="device"),
        ],
        namespace="p_tuning",
        inputs=set(DATA),
        parameters="parameters",
        tags=["p_tuning", "past_the_paper"],
    )
