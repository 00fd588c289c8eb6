"""Wiring of layer_unfreezing."""

from kedro.pipeline import Pipeline, node

from .nodes import train


def create_pipeline() -> Pipeline:
    """Train the head."""
    return Pipeline(
        [
            node(
                train,
                [
                    "training_tokens",
                    "validation_tokens",
                    "training_features",
                    "validation_features",
                    "encoding",
                    "row_account",
                    "layer_unfreezing.working_folder",
                    "parameters",
                ],
                ["layer_unfreezing.model", "layer_unfreezing.curves", "layer_unfreezing.training"],
                namespace="layer_unfreezing",
            )
        ],
        tags="layer_unfreezing",
    )
