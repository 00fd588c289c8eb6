"""Wiring of the classical baselines: one node each."""

from functools import partial, update_wrapper

from kedro.pipeline import Pipeline, node

from tweet_sentiment.techniques import Technique

from .nodes import fit_predict

DATA = ["split_training_posts", "split_test_posts", "training_posts", "test_posts", "row_counts"]
PARAMETERS = ["params:study", "params:classical"]


def create_pipeline(technique: Technique) -> Pipeline:
    """Let a classical baseline be fitted and predict; evaluation scores it."""
    fit = update_wrapper(partial(fit_predict, technique.name), fit_predict)
    outputs = ["predictions", "dev_predictions", "training", "classical_model"]
    return Pipeline(
        [node(fit, [*DATA, *PARAMETERS], outputs, name="fit_predict")],
        namespace=technique.name,
        inputs=set(DATA),
        parameters=set(PARAMETERS),
        tags=[technique.name, "classical"],
    )
