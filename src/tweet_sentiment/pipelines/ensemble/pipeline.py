"""Wiring of the ensemble."""

from kedro.pipeline import Pipeline, node

from tweet_sentiment.techniques import MEMBERS

from .nodes import average

DATA = ["predictions_by_technique", "dev_predictions_by_technique", "row_counts"]
PARAMETERS = {"study": "params:study", "model": "params:model", "ensemble": "params:ensemble"}


def create_pipeline() -> Pipeline:
    """Average whatever members have predicted."""
    metrics = {name: f"{name}.metrics" for name in MEMBERS}
    inputs = {name: name for name in DATA} | PARAMETERS | metrics
    return Pipeline(
        [node(average, inputs, ["predictions", "training", "model"], name="average")],
        namespace="ensemble",
        inputs={*DATA, *metrics.values()},
        parameters=set(PARAMETERS.values()),
        tags=["ensemble", "past_the_paper"],
    )
