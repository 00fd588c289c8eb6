"""Wiring of evaluation, once for each technique."""

from kedro.pipeline import Pipeline, node

from tweet_sentiment.reports.figures import plot_confusion, plot_curves, plot_entities, plot_reliability

from .misclassified import analyse_errors
from .nodes import evaluate, measure_speed, predict, predict_dev, predict_posts

STUDY, MODEL, COMPUTE, UNCERTAINTY = (f"params:{name}" for name in ("study", "model", "compute", "uncertainty"))
SPLIT_POSTS = ["split_test_posts", "split_training_posts"]


def create_pipeline(technique: str, predicts: bool = True, learns: bool = True, reads: str = "test_tokens") -> Pipeline:
    """Turn ``<technique>.model`` into predictions, metrics, figures and tables of errors.

    ``predicts`` false: the technique makes its predictions itself. ``learns`` false: it has no curves. Neither: it has
    no model, and tells itself how fast it is.
    ``reads`` ``test_posts``: they are tokenized as the model's manifest says, instead of all alike; so are the
    dev split, for the ensemble.
    """
    by_manifest, has_model = reads == "test_posts", predicts or learns
    predicting, by_group = [MODEL, COMPUTE], "table_of_accuracy_by_group"
    nodes = [
        node(
            evaluate,
            ["predictions", SPLIT_POSTS[0], "training", "row_counts", STUDY, MODEL, UNCERTAINTY]
            + ["speed"] * has_model,
            "metrics",
            name="evaluate",
        ),
        node(plot_confusion, ["predictions", STUDY], "figure_of_confusion", name="plot_confusion"),
        node(plot_reliability, ["predictions", STUDY], "figure_of_reliability", name="plot_reliability"),
        node(
            analyse_errors,
            ["predictions", *SPLIT_POSTS, STUDY, "params:data", UNCERTAINTY],
            [by_group, "table_of_mistakes"],
            name="analyse_errors",
        ),
        node(plot_entities, [by_group, STUDY, UNCERTAINTY], "figure_of_entities", name="plot_entities"),
    ]
    shared = {"row_counts", *SPLIT_POSTS}
    if predicts:
        predict_test = predict_posts if by_manifest else predict
        nodes.append(node(predict_test, ["model", reads, *predicting], "predictions", name="predict", tags="device"))
        shared.add(reads)
    if by_manifest:
        read = ["model", "training_posts", *predicting]
        nodes.append(node(predict_dev, read, "dev_predictions", name="predict_dev", tags="device"))
        shared.add("training_posts")
    if has_model:
        read = ["model", "test_posts", *predicting]
        nodes.append(node(measure_speed, read, "speed", name="measure_speed", tags="device"))
        shared.add("test_posts")
    if learns:
        nodes.append(node(plot_curves, ["curves", STUDY], "figure_of_curves", name="plot_curves"))
    return Pipeline(
        nodes,
        namespace=technique,
        inputs=shared,
        parameters={name for one in nodes for name in one.inputs if name.startswith("params:")},
        tags=technique,
    )
