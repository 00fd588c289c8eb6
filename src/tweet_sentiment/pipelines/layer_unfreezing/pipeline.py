"""Wiring of layer_unfreezing."""

from kedro.pipeline import Pipeline, node

from .nodes import repeat_with_seeds, train

DATA = ["training_tokens", "test_tokens", "training_features", "test_features"]


def create_pipeline() -> Pipeline:
    """Train the head, then again with other seeds."""
    return Pipeline(
        [
            node(
                train,
                [*DATA, "encoding", "row_counts", "working_folder", "parameters"],
                ["model", "curves", "training"],
                name="train",
                tags="device",
            ),
            node(
                repeat_with_seeds,
                [*DATA, "row_counts", "working_folder", "parameters"],
                "table_of_seeds",
                name="repeat_with_seeds",
                tags="device",
            ),
        ],
        namespace="layer_unfreezing",
        inputs={*DATA, "encoding", "row_counts"},
        parameters="parameters",
        tags="layer_unfreezing",
    )
