"""Wiring of prompt_tuning."""

from kedro.pipeline import Pipeline, node

from tweet_sentiment.pipelines import boxed
from tweet_sentiment.techniques.technique import SETUP

from .nodes import choose_hyperparameters, repeat_with_seeds, train

FOUND = "hyperparameter_search.hyperparameters"
DATA = ["training_posts", "test_posts", "row_counts"]
OWN = "params:prompt_tuning"


def create_pipeline() -> Pipeline:
    """Choose the hyperparameters, train every prompt, keep the best; then again with other seeds."""
    data = {name: name for name in ("training_posts", "test_posts", "hyperparameters")}
    inputs, again = data | SETUP | {"prompt_tuning": OWN}, {"chosen": "training", "seeds": "params:seeds"}
    steps = [
        node(choose_hyperparameters, [FOUND, OWN], "hyperparameters", name="choose_hyperparameters"),
        node(train, inputs, ["model", "curves", "table_of_prompts", "training"], name="train", tags="device"),
        node(repeat_with_seeds, inputs | again, "table_of_seeds", name="repeat_with_seeds", tags="device"),
    ]
    return boxed("prompt_tuning", steps, {*DATA, FOUND}, "prompt_tuning")
