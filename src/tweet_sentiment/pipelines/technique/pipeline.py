"""Wiring of a technique that is trained in one step."""

from functools import partial, update_wrapper

from kedro.pipeline import Pipeline, node

from tweet_sentiment.techniques import FEATURES, Technique
from tweet_sentiment.techniques.technique import SETUP, SHARED

from .nodes import load_untrained, repeat_with_seeds, train


def create_pipeline(technique: Technique) -> Pipeline:
    """Train the technique, then again with other seeds."""
    data = {name: name for name in (*technique.reads, *technique.extra)}
    inputs = data | SETUP | {"parameters": f"params:{technique.key}"}
    encoding = {"encoding": "encoding"} if technique.reads == FEATURES else {}
    fit, repeat = (
        update_wrapper(partial(function, technique.name), function) for function in (train, repeat_with_seeds)
    )
    return Pipeline(
        [
            node(fit, inputs | encoding, ["model", "curves", "training"], name="train", tags="device"),
            node(repeat, inputs | {"seeds": "params:seeds"}, "table_of_seeds", name="repeat_with_seeds", tags="device"),
        ],
        namespace=technique.name,
        inputs={*technique.reads, "row_counts", *encoding},
        parameters={*SHARED, "params:seeds", f"params:{technique.key}"},
        tags=[technique.name] if technique.in_paper else [technique.name, "past_the_paper"],
    )


def create_baseline() -> Pipeline:
    """Make the model that is not trained at all."""
    return Pipeline(
        [
            node(
                load_untrained,
                ["row_counts", "params:study", "params:model"],
                ["model", "training"],
                name="load_frozen",
            )
        ],
        namespace="baseline",
        inputs="row_counts",
        parameters={"params:study", "params:model"},
        tags="baseline",
    )
