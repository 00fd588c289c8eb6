"""Wiring of evaluation, once for each technique."""

from kedro.pipeline import Pipeline, node

from .figures import plot_confusion, plot_curves, plot_entities, plot_reliability
from .misclassified import analyse_errors
from .nodes import evaluate, measure_speed, predict, predict_dev, predict_posts

SPLIT_POSTS = ["split_test_posts", "split_training_posts"]


def create_pipeline(technique: str, predicts: bool = True, learns: bool = True, reads: str = "test_tokens") -> Pipeline:
    """Turn ``<technique>.model`` into predictions, metrics, figures and tables of errors.

    ``predicts`` false: the technique makes its predictions itself. ``learns`` false: it has no curves. Neither: it has
    no model, and tells itself how fast it is.
    ``reads`` ``test_posts``: they are tokenized as the model's manifest says, instead of all alike; so are the
    dev split, for the ensemble.
    """
    by_manifest, has_model = reads == "test_posts", predicts or learns
    training = ["training_posts"] if by_manifest else []
    selection = node(
        predict_dev,
        ["model", "training_posts", "parameters"],
        "dev_predictions",
        name="predict_dev",
        tags="device",
    )
    predicting = predict_posts if by_manifest else predict
    prediction = node(predicting, ["model", reads, "parameters"], "predictions", name="predict", tags="device")
    speed = node(measure_speed, ["model", "test_posts", "parameters"], "speed", name="measure_speed", tags="device")
    read = [*([reads] if predicts else []), *(["test_posts"] if has_model else [])]
    curves = node(plot_curves, ["curves", "parameters"], "figure_of_curves", name="plot_curves")
    return Pipeline(
        [
            *([prediction] if predicts else []),
            *([selection] if by_manifest else []),
            *([speed] if has_model else []),
            node(
                evaluate,
                [
                    "predictions",
                    SPLIT_POSTS[0],
                    "training",
                    "row_counts",
                    "parameters",
                    *(["speed"] if has_model else []),
                ],
                "metrics",
                name="evaluate",
            ),
            node(plot_confusion, ["predictions", "parameters"], "figure_of_confusion", name="plot_confusion"),
            node(plot_reliability, ["predictions", "parameters"], "figure_of_reliability", name="plot_reliability"),
            node(
                analyse_errors,
                ["predictions", *SPLIT_POSTS, "parameters"],
                ["table_of_accuracy_by_group", "table_of_mistakes"],
                name="analyse_errors",
            ),
            node(
                plot_entities, ["table_of_accuracy_by_group", "parameters"], "figure_of_entities", name="plot_entities"
            ),
            *([curves] if learns else []),
        ],
        namespace=technique,
        inputs={"row_counts", *SPLIT_POSTS, *read, *training},
        parameters="parameters",
        tags=technique,
    )
