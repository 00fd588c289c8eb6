"""Wiring of ensemble."""

from kedro.pipeline import Pipeline, node

from .nodes import MEMBERS, average


def create_pipeline() -> Pipeline:
    """Average whatever members have predicted."""
    kinds = ("predictions", "dev_predictions", "training", "speed")
    inputs = [f"{name}.{kind}" for kind in kinds for name in MEMBERS]
    return Pipeline(
        [node(average, [*inputs, "row_counts", "parameters"], ["predictions", "training", "model"], name="average")],
        namespace="ensemble",
        inputs={*inputs, "row_counts"},
        parameters="parameters",
        tags=["ensemble", "past_the_paper"],
    )
