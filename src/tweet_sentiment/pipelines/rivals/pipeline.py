"""Wiring of the rivals: one node each."""

from functools import partial, update_wrapper

from kedro.pipeline import Pipeline, node

from .nodes import fit_predict

RIVALS = ("majority_class", "nearest_neighbour", "linear_svc", "logistic_regression")
OUTPUTS = ["predictions", "dev_predictions", "training", "classical_model"]
POSTS = ["split_training_posts", "split_test_posts", "training_posts", "test_posts"]


def create_pipeline() -> Pipeline:
    """Let each rival learn and predict; evaluation makes the metrics of them."""
    return sum((_rival(technique) for technique in RIVALS), Pipeline([]))


def _rival(technique: str) -> Pipeline:
    learn = update_wrapper(partial(fit_predict, technique), fit_predict)
    return Pipeline(
        [node(learn, [*POSTS, "row_counts", "parameters"], OUTPUTS, name="fit_predict")],
        namespace=technique,
        inputs={*POSTS, "row_counts"},
        parameters="parameters",
        tags=[technique, "rivals"],
    )
