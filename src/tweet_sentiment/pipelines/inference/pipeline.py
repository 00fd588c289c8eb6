"""Wiring of inference."""

from kedro.pipeline import Pipeline, node

from .nodes import predict


def create_pipeline() -> Pipeline:
    """Predict every row of a file."""
    return Pipeline(
        [
            node(
                predict,
                ["posts", "model", "params:inference", "params:compute"],
                "predictions",
                name="predict",
                tags="device",
            )
        ],
        namespace="inference",
        parameters={"params:inference", "params:compute"},
        tags="inference",
    )
