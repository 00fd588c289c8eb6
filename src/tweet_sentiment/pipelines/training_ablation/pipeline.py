"""Wiring of training_ablation."""

from kedro.pipeline import Pipeline, node

from .nodes import compare_variants, plot_variants

DATA = ["training_posts", "test_posts", "row_counts"]


def create_pipeline() -> Pipeline:
    """Fit each variant, and draw the table."""
    return Pipeline(
        [
            node(
                compare_variants,
                [*DATA, "working_folder", "parameters"],
                "table_of_trainings",
                name="compare_variants",
                tags="device",
            ),
            node(plot_variants, ["table_of_trainings", "parameters"], "figure_of_trainings", name="plot_variants"),
        ],
        namespace="training_ablation",
        inputs=set(DATA),
        parameters="parameters",
        tags=["training_ablation", "past_the_paper"],
    )
