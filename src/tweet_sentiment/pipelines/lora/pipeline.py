"""Wiring of lora."""

from kedro.pipeline import Pipeline, node

from .nodes import repeat_with_seeds, train

DATA = ["training_posts", "test_posts", "row_counts"]


def create_pipeline() -> Pipeline:
    """Train the adapter, then again with other seeds."""
    inputs = [*DATA, "working_folder", "parameters"]
    return Pipeline(
        [
            node(train, inputs, ["model", "curves", "training"], name="train", tags="device"),
            node(repeat_with_seeds, inputs, "table_of_seeds", name="repeat_with_seeds", tags="device"),
        ],
        namespace="lora",
        inputs=set(DATA),
        parameters="parameters",
        tags=["lora", "past_the_paper"],
    )
