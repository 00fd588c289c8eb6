"""Wiring of evaluation, once for each technique."""

from typing import Any

from kedro.pipeline import Pipeline, node

from tweet_sentiment.pipelines import boxed
from tweet_sentiment.reports.figures import plot_confusion, plot_curves, plot_entities, plot_reliability

from .nodes import analyse_errors, evaluate, measure_speed, predict, predict_dev, predict_posts

STUDY, MODEL, COMPUTE, UNCERTAINTY = (f"params:{name}" for name in ("study", "model", "compute", "uncertainty"))
SPLIT_POSTS = ["split_test_posts", "split_training_posts"]


def create_pipeline(technique: str, predicts: bool = True, learns: bool = True, reads: str = "test_tokens") -> Pipeline:
    """Turn ``<technique>.model`` into predictions, metrics, figures and tables of errors.

    ``predicts`` false: the technique makes its predictions itself. ``learns`` false: it has no curves. Neither: it has
    no model, and measures its speed itself. ``reads`` ``test_posts``: test posts and dev split are tokenized as the
    model's manifest says, not in the common way.
    """
    by_manifest, has_model = reads == "test_posts", predicts or learns
    groups, scored = "table_of_accuracy_by_group", ["predictions", SPLIT_POSTS[0], "training", "row_counts"]
    judged = ["predictions", *SPLIT_POSTS, STUDY, "params:data", UNCERTAINTY]
    steps: list[Any] = [  # function, what it reads and writes
        (evaluate, [*scored, STUDY, MODEL, UNCERTAINTY] + ["speed"] * has_model, "metrics"),
        (plot_confusion, ["predictions", STUDY], "figure_of_confusion"),
        (plot_reliability, ["predictions", STUDY], "figure_of_reliability"),
        (analyse_errors, judged, [groups, "table_of_mistakes"]),
        (plot_entities, [groups, STUDY, UNCERTAINTY], "figure_of_entities"),
    ]
    if learns:
        steps.append((plot_curves, ["curves", STUDY], "figure_of_curves"))
    shared = {"row_counts", *SPLIT_POSTS}
    made = [node(step, given, writes, name=step.__name__) for step, given, writes in steps]
    on_device: list[Any] = [("predict", predict_posts if by_manifest else predict, reads, "predictions")] * predicts
    on_device += [("predict_dev", predict_dev, "training_posts", "dev_predictions")] * by_manifest
    on_device += [("measure_speed", measure_speed, "test_posts", "speed")] * has_model
    for name, step, posts, writes in on_device:
        made.append(node(step, ["model", posts, MODEL, COMPUTE], writes, name=name, tags="device"))
        shared.add(posts)
    return boxed(technique, made, shared, technique)
