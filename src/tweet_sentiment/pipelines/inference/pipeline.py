"""Wiring of inference."""

from kedro.pipeline import Pipeline, node

from .nodes import predict


def create_pipeline() -> Pipeline:
    """Predict every row of a file."""
    return Pipeline(
        [node(predict, ["posts", "model", "parameters"], "predictions", name="predict", tags="device")],
        namespace="inference",
        parameters="parameters",
        tags="inference",
    )
