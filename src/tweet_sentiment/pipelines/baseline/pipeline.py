"""Wiring of the baseline."""

from kedro.pipeline import Pipeline, node

from .nodes import load_frozen


def create_pipeline() -> Pipeline:
    """Make the model that learns nothing."""
    return Pipeline(
        [node(load_frozen, ["row_account", "parameters"], ["model", "training"], name="load_frozen")],
        namespace="baseline",
        inputs="row_account",
        parameters="parameters",
        tags="baseline",
    )
