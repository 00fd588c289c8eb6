"""Wiring of unfreezing_sweep."""

from kedro.pipeline import Pipeline, node

from .nodes import plot_sweep, sweep

DATA = ["training_tokens", "test_tokens", "training_features", "test_features", "row_counts"]


def create_pipeline() -> Pipeline:
    """Fit with each number of blocks, and draw the table."""
    return Pipeline(
        [
            node(sweep, [*DATA, "working_folder", "parameters"], "table_of_blocks", name="sweep", tags="device"),
            node(plot_sweep, ["table_of_blocks", "parameters"], "figure_of_blocks", name="plot_sweep"),
        ],
        namespace="unfreezing_sweep",
        inputs=set(DATA),
        parameters="parameters",
        tags=["unfreezing_sweep", "past_the_paper"],
    )
