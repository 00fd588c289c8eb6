"""Wiring of the baseline."""

from kedro.pipeline import Pipeline, node

from .nodes import load_frozen


def create_pipeline() -> Pipeline:
    """Make the model that learns nothing."""
    return Pipeline(
        [node(load_frozen, ["row_counts", "parameters"], ["model", "training"], name="load_frozen")],
        namespace="baseline",
        inputs="row_counts",
        parameters="parameters",
        tags="baseline",
    )
