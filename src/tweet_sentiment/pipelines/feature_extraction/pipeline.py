"""Wiring of feature_extraction."""

from kedro.pipeline import Pipeline, node

from .nodes import encode_posts


def create_pipeline() -> Pipeline:
    """Encode every post once."""
    reads = ["training_tokens", "test_tokens", "params:model", "params:compute"]
    writes = ["training_features", "test_features", "encoding"]
    return Pipeline([node(encode_posts, reads, writes, name="encode_posts", tags="device")], tags="feature_extraction")
