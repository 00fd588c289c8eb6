"""Wiring of label_issues."""

from kedro.pipeline import Pipeline, node

from .nodes import find_label_issues

INPUTS = ["filtered_training_posts", "filtered_validation_posts", "params:data", "params:study", "params:classical"]


def create_pipeline() -> Pipeline:
    """Judge each label by a classifier that has not seen it."""
    outputs = ["table_of_label_issues", "label_issues"]
    return Pipeline([node(find_label_issues, INPUTS, outputs, name="find_label_issues")], tags="label_issues")
