"""Wiring of the techniques: those trained in one step, the baselines, and those that use other models."""

from kedro.pipeline import Pipeline, node

from tweet_sentiment.pipelines import boxed, fixed
from tweet_sentiment.techniques import FEATURES, MEMBERS, TEACHERS, Technique
from tweet_sentiment.techniques.technique import SETUP

from .classical import fit_predict
from .ensemble import average
from .nodes import load_untrained, repeat_with_seeds, train
from .soft_labels import make_soft_labels

PAST = "past_the_paper"
STUDY, MODEL = "params:study", "params:model"


def create_pipeline(technique: Technique) -> Pipeline:
    """Train the technique, then again with other seeds."""
    data = {name: name for name in (*technique.reads, *technique.extra)}
    inputs = data | SETUP | {"parameters": f"params:{technique.key}"}
    encoding = {"encoding": "encoding"} if technique.reads == FEATURES else {}
    fit, repeat = (fixed(function, technique.name) for function in (train, repeat_with_seeds))
    steps = [
        node(fit, inputs | encoding, ["model", "curves", "training"], name="train", tags="device"),
        node(repeat, inputs | {"seeds": "params:seeds"}, "table_of_seeds", name="repeat_with_seeds", tags="device"),
    ]
    tags = [technique.name] if technique.in_paper else [technique.name, PAST]
    return boxed(technique.name, steps, {*technique.reads, "row_counts", *encoding}, tags)


def create_baseline() -> Pipeline:
    """Make the untrained model."""
    load = node(load_untrained, ["row_counts", STUDY, MODEL], ["model", "training"], name="load_frozen")
    return boxed("baseline", [load], {"row_counts"}, "baseline")


def create_classical(technique: Technique) -> Pipeline:
    """Fit a classical baseline and predict; evaluation scores it."""
    data = ["split_training_posts", "split_test_posts", "training_posts", "test_posts", "row_counts"]
    outputs = ["predictions", "dev_predictions", "training", "classical_model"]
    fit = fixed(fit_predict, technique.name)
    fitted = node(fit, [*data, STUDY, "params:classical", "params:training"], outputs, name="fit_predict")
    return boxed(technique.name, [fitted], {*data}, [technique.name, "classical"])


def create_soft_labels() -> Pipeline:
    """Let the teachers of a distillation predict. Their training figures are inputs, so that they run first."""
    data, trained = ["models_by_technique", "training_posts"], {name: f"{name}.training" for name in TEACHERS}
    inputs = {name: name for name in data} | SETUP | {"distillation": "params:distillation"} | trained
    asked = node(make_soft_labels, inputs, "soft_labels", name="soft_labels", tags="device")
    return boxed("distillation", [asked], {*data, "row_counts", *trained.values()}, ["distillation", PAST])


def create_ensemble() -> Pipeline:
    """Average the members' predictions. Their metrics are inputs, so that they run first."""
    data = ["predictions_by_technique", "dev_predictions_by_technique", "row_counts"]
    metrics = {name: f"{name}.metrics" for name in MEMBERS}
    inputs = {name: name for name in data} | {"study": STUDY, "model": MODEL, "ensemble": "params:ensemble"} | metrics
    mean = node(average, inputs, ["predictions", "training", "model"], name="average")
    return boxed("ensemble", [mean], {*data, *metrics.values()}, ["ensemble", PAST])
