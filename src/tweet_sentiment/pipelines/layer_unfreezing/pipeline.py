"""Wiring of layer_unfreezing."""

from kedro.pipeline import Pipeline, node

from .nodes import train

SHARED = [
    "training_tokens",
    "validation_tokens",
    "training_features",
    "validation_features",
    "encoding",
    "row_account",
]


def create_pipeline() -> Pipeline:
    """Train the head."""
    return Pipeline(
        [node(train, [*SHARED, "working_folder", "parameters"], ["model", "curves", "training"], name="train")],
        namespace="layer_unfreezing",
        inputs={*SHARED},
        parameters="parameters",
        tags="layer_unfreezing",
    )
