"""Wiring of inference."""

from kedro.pipeline import Pipeline, node

from tweet_sentiment.pipelines import boxed

from .nodes import predict


def create_pipeline() -> Pipeline:
    """Predict every row of a file."""
    reads = ["posts", "model", "params:inference", "params:compute"]
    return boxed("inference", [node(predict, reads, "predictions", name="predict", tags="device")], set(), "inference")
