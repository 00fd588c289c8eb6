"""Wiring of learning_curve."""

from kedro.pipeline import Pipeline, node

from .nodes import measure_sizes, plot_sizes

DATA = ["training_posts", "test_posts", "row_counts"]


def create_pipeline() -> Pipeline:
    """Train on each number of posts, extrapolate, and draw the table."""
    return Pipeline(
        [
            node(
                measure_sizes,
                [*DATA, "working_folder", "parameters"],
                "table_of_sizes",
                name="measure_sizes",
                tags="device",
            ),
            node(plot_sizes, ["table_of_sizes", "parameters"], "figure_of_sizes", name="plot_sizes"),
        ],
        namespace="learning_curve",
        inputs=set(DATA),
        parameters="parameters",
        tags=["learning_curve", "past_the_paper"],
    )
