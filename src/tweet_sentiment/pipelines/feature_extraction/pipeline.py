"""Wiring of feature_extraction."""

from kedro.pipeline import Pipeline, node

from .nodes import encode_posts


def create_pipeline() -> Pipeline:
    """Encode every post once."""
    return Pipeline(
        [
            node(
                encode_posts,
                ["training_tokens", "test_tokens", "params:model", "params:compute"],
                ["training_features", "test_features", "encoding"],
                name="encode_posts",
                tags="device",
            )
        ],
        tags="feature_extraction",
    )
