"""Wiring of distillation."""

from kedro.pipeline import Pipeline, node

from .nodes import TEACHERS, repeat_with_seeds, soften, train

DATA = ["training_posts", "test_posts", "row_counts"]


def create_pipeline() -> Pipeline:
    """Ask the teachers, and train the student."""
    teachers = [f"{name}.{what}" for what in ("stored_model", "training") for name in TEACHERS]
    inputs = ["training_posts", "test_posts", "soft_labels", "row_counts", "working_folder", "parameters"]
    return Pipeline(
        [
            node(soften, [*teachers, "training_posts", "parameters"], "soft_labels", name="soften", tags="device"),
            node(train, inputs, ["model", "curves", "training"], name="train", tags="device"),
            node(repeat_with_seeds, inputs, "table_of_seeds", name="repeat_with_seeds", tags="device"),
        ],
        namespace="distillation",
        inputs={*DATA, *teachers},
        parameters="parameters",
        tags=["distillation", "past_the_paper"],
    )
