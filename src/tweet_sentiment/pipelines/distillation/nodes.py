"""What the teachers say of the training posts, and a student that learns it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.provenance import manifest
from tweet_sentiment.scoring.metrics import PROBABILITY

TEACHERS = ("layer_unfreezing", "hyperparameter_search", "prompt_tuning", "full_fine_tuning", "lora", "p_tuning")


def soften(*given: Any) -> pd.DataFrame:
    """Return what the teachers say of each training post, on the mean: row, id, label, probability_<label>.

    ``given``: for each of ``TEACHERS`` a function that loads its model, or None; training's figures of each, which
    nothing but the order of runs needs; the training posts; the parameters. The teachers have learnt these posts'
    labels, so they are surer of them than of others. ``hard_label_weight`` of the posts' own labels is mixed in.

    Raises:
        StudyError: a teacher has not been trained.
    """
    *models_and_training, training_posts, parameters = given
    models = dict(zip(TEACHERS, models_and_training, strict=False))
    distillation: Any = parameters.distillation
    if missing := [name for name in distillation.teachers if models[name] is None]:
        raise StudyError(
            f"distillation.teachers: {', '.join(missing)} has no model under protocol {parameters.protocol}.\n"
            f"  Train it first:  kedro run --pipeline={missing[0]}"
        )
    said = [_said(models[name], training_posts, parameters) for name in distillation.teachers]
    columns, share = [f"{PROBABILITY}{label}" for label in parameters.labels], distillation.hard_label_weight
    mean = sum((one[columns] for one in said[1:]), said[0][columns]) / len(said)
    hard = pd.DataFrame({c: said[0]["label"].eq(c.removeprefix(PROBABILITY)).astype(float) for c in columns})
    return said[0][["row", "id", "label"]].join((1 - share) * mean + share * hard)


def _said(load: Callable[[], Any], posts: pd.DataFrame, parameters: StudyParameters) -> pd.DataFrame:
    from tweet_sentiment.modeling.devices import choose_device
    from tweet_sentiment.modeling.prediction import predictions_table
    from tweet_sentiment.modeling.tokenization import tokens_as_trained

    teacher = load()
    tokens = tokens_as_trained(teacher, posts, parameters.model.max_length)
    device = choose_device(parameters.device, parameters.fp16, parameters.precision)
    return predictions_table(teacher, tokens, device, parameters.model)


def train(
    training_posts: pd.DataFrame,
    test_posts: pd.DataFrame,
    soft_labels: pd.DataFrame,
    row_counts: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> tuple[Any, pd.DataFrame, dict[str, Any]]:
    """Train every layer of a student on the soft labels; return model, curves and figures."""
    from tweet_sentiment.modeling.techniques import fit_student
    from tweet_sentiment.modeling.tuning import TuningData

    data = TuningData(training_posts, test_posts, row_counts, working_folder)
    fitted = fit_student(data, soft_labels, parameters)
    training = fitted.fit.figures | {"teachers": parameters.distillation.teachers}
    return fitted.model(manifest("distillation", parameters, row_counts, training)), fitted.fit.curves, training


def repeat_with_seeds(
    training_posts: pd.DataFrame,
    test_posts: pd.DataFrame,
    soft_labels: pd.DataFrame,
    row_counts: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """With ``distillation.repeat_seeds``, train with each further seed; return one row a seed with its scores."""
    from tweet_sentiment.modeling.techniques import fit_student
    from tweet_sentiment.modeling.tuning import TuningData, repeat_tuning

    data = TuningData(training_posts, test_posts, row_counts, working_folder / "seeds")
    return repeat_tuning(lambda d, p: fit_student(d, soft_labels, p), data, parameters.distillation, parameters)
