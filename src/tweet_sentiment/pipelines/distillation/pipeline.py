"""Wiring of distillation's soft labels."""

from kedro.pipeline import Pipeline, node

from tweet_sentiment.techniques import TEACHERS
from tweet_sentiment.techniques.technique import SETUP, SHARED

from .nodes import make_soft_labels

DATA = ["models_by_technique", "training_posts"]


def create_pipeline() -> Pipeline:
    """Ask the teachers."""
    trained = {name: f"{name}.training" for name in TEACHERS}
    inputs = {name: name for name in DATA} | SETUP | {"distillation": "params:distillation"} | trained
    return Pipeline(
        [node(make_soft_labels, inputs, "soft_labels", name="soft_labels", tags="device")],
        namespace="distillation",
        inputs={*DATA, "row_counts", *trained.values()},
        parameters={*SHARED, "params:distillation"},
        tags=["distillation", "past_the_paper"],
    )
