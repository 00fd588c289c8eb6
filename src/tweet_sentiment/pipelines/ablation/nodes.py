"""Vary one setting of a technique, fit once for each value, and compare on the same test posts.

What an interrupted experiment had finished is taken from its working folder.
"""

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import (
    DataParameters,
    LearningCurveParameters,
    TrainerParameters,
    TrainingAblationParameters,
    UncertaintyParameters,
    UnfreezingSweepParameters,
)
from tweet_sentiment.scoring.bootstrap import ends_of, intervals_of, scores_of, tweet_codes
from tweet_sentiment.scoring.calibration import right_of
from tweet_sentiment.scoring.comparison import holm, paired_difference, verdict
from tweet_sentiment.scoring.power_law import extrapolate
from tweet_sentiment.techniques import FEATURES, POSTS, TECHNIQUES
from tweet_sentiment.techniques import layer_unfreezing as unfreezing
from tweet_sentiment.techniques import prompt_tuning as prompting

logger = logging.getLogger(__name__)

FIGURES = ("trainable_parameters", "n_train", "seconds", "epoch", "encoder_cached", "steps", "encoder")
OF_SIZES = ["encoder", "texts", "n_train", "trainable_parameters", "seconds"]
OF_SIZES += ["dev_accuracy", "chosen_on", "device", "dtype"]
FEWEST = 3  # sizes that a power law needs
NO_HEAD = "none"


class Experiment:
    """One fit a variant: what all of them share, and the row that each gives."""

    def __init__(self, setup: Any, examples: Any, uncertainty: UncertaintyParameters) -> None:
        self.setup, self.examples, self.uncertainty = setup, examples, uncertainty
        self.resampling = {**uncertainty.model_dump(), "seed": setup.study.seed}
        self.predictions: dict[Any, pd.DataFrame] = {}
        self.figures: dict[Any, dict[str, Any]] = {}

    def fit(self, name: Any, technique: str, parameters: Any, fit: Any = None) -> None:
        """Fit the variant ``name``, by the technique's function or another, or take what was fitted before."""
        from tweet_sentiment.modeling.fitting import fit_once

        logger.info("%s, %s", technique, name)
        by: Any = fit or TECHNIQUES[technique].fit
        finished = fit_once(technique, by, self.examples, parameters, self.setup)
        self.predictions[name], self.figures[name] = finished.predictions, finished.figures

    def row(self, column: str, name: Any) -> dict[str, Any]:
        """Return accuracy on the test posts with its interval, on the dev split, and the figures of the fit."""
        mine, figures = self.predictions[name], self.figures[name]
        low, high = intervals_of(mine, self.setup.study, self.uncertainty)["accuracy"]
        told = {key: figures[key] for key in FIGURES if key in figures}
        scores = {"dev_accuracy": figures.get("dev_accuracy"), "accuracy": float(right_of(mine).mean())}
        return {column: name, **scores, "low": low, "high": high, **told, "seed": self.setup.study.seed}

    def difference(self, name: Any, reference: Any) -> dict[str, Any]:
        """Return the paired difference in accuracy to another variant; nothing to itself."""
        found: dict[str, Any] = dict.fromkeys(("difference", "low", "high", "p_value"), np.nan) | {"test": ""}
        if name != reference and reference:
            found = paired_difference(self.predictions[name], self.predictions[reference], **self.resampling)
        ends = {"difference_low": found["low"], "difference_high": found["high"]}
        return {"difference": found["difference"], **ends, "test": found["test"], "p_value": found["p_value"]}


def by_tweet(examples: Any, seed: int) -> Any:
    """Put the training tweets in an order drawn by ``seed``, each with all its paraphrases: n rows are a set of n."""
    tweets = tweet_codes(examples.training)
    place = np.random.default_rng(seed).permutation(int(tweets.max()) + 1)
    order = np.argsort(place[tweets], kind="stable")
    return replace(examples, training=examples.training.iloc[order].reset_index(drop=True))


def sweep_blocks(
    unfreezing_sweep: UnfreezingSweepParameters,
    layer_unfreezing: unfreezing.Parameters,
    uncertainty: UncertaintyParameters,
    **given: Any,
) -> pd.DataFrame:
    """Unfreeze the head and the top k blocks, for each k of ``unfreezing_sweep.top_blocks``; return one row a k.

    The dev split is held out throughout, so that a k can be chosen by ``dev_accuracy``; ``accuracy``, ``low`` and
    ``high`` are of the test posts. With k = 0 the head is trained on cached features.
    """
    from tweet_sentiment.modeling.fitting import from_inputs

    setup, examples, _ = from_inputs(given, FEATURES)
    experiment, rows = Experiment(setup, examples, uncertainty), []
    changes = {name: one for name, one in unfreezing_sweep if name != "top_blocks"} | {"hold_out_dev_split": True}
    for blocks in unfreezing_sweep.top_blocks:
        experiment.fit(blocks, "layer_unfreezing", layer_unfreezing.under(**changes, top_blocks=blocks))
        rows.append(experiment.row("top_blocks", blocks))
    return pd.DataFrame(rows)


def sweep_heads(prompt_tuning: prompting.Parameters, uncertainty: UncertaintyParameters, **given: Any) -> pd.DataFrame:
    """Train the last hard prompt with each of ``prompt_tuning.heads_to_compare``; return one row per head.

    Chosen by ``dev_accuracy``; ``accuracy``, ``low`` and ``high`` are of the test posts.
    """
    from tweet_sentiment.modeling.fitting import from_inputs

    setup, examples, _ = from_inputs(given, POSTS)
    experiment, rows = Experiment(setup.within("heads"), examples, uncertainty), []
    for head in prompt_tuning.heads_to_compare:
        name, one = " and ".join(head) or NO_HEAD, prompt_tuning.under(trainable_head=head)
        experiment.fit(name, "prompt_tuning", one.one_prompt(prompt_tuning.hard_prompts[-1]))
        rows.append(experiment.row("trainable_head", name))
    return pd.DataFrame(rows)


def compare_trainings(
    training_ablation: TrainingAblationParameters,
    data: DataParameters,
    uncertainty: UncertaintyParameters,
    **given: Any,
) -> pd.DataFrame:
    """Fit ``training_ablation.technique`` with each of ``variants``; return one row per variant.

    The dev split is held out throughout, so that a variant can be chosen by ``dev_accuracy``; ``accuracy`` with
    ``low`` and ``high`` is of the test posts. ``difference`` is to the first variant there, with its paired interval
    and Holm's p-value. A variant that reads a column which the file lacks is skipped.

    Raises:
        StudyError: a variant's changes or its encoder are not right, or no variant is possible.
    """
    from pydantic import ValidationError

    from tweet_sentiment.modeling.fitting import from_inputs, refuse_adapted_to_other_posts

    setup, examples, techniques = from_inputs(given, POSTS)
    technique, varied = training_ablation.technique, dict[str, TrainerParameters]()
    for name in training_ablation.variants:
        key = f"training_ablation.variants.{name}"
        try:
            one = training_ablation.varied(techniques[technique], name)
        except ValidationError as error:
            raise StudyError(f"{key}: {str(error.errors()[0]['msg']).removeprefix('Value error, ')}.") from None
        if one.second_segment == "entity" and data.columns.entity is None:
            logger.warning("Skipped: %s: second_segment is entity, but data.columns.entity is null.", key)
            continue
        refuse_adapted_to_other_posts(one.checkpoint or setup.model.checkpoint, setup)
        varied[name] = one
    if not varied:
        raise StudyError(
            "Each of training_ablation.variants reads a column that the file lacks.\n"
            "  Add one that does not, such as plain: {}, or name the column in data.columns."
        )
    experiment, first = Experiment(setup, by_tweet(examples, setup.study.seed), uncertainty), next(iter(varied))
    for name, one in varied.items():
        experiment.fit(name, technique, one)
    rows = [
        {"variant": name, "technique": technique} | experiment.row("variant", name) | experiment.difference(name, first)
        for name in varied
    ]
    table = pd.DataFrame(rows).drop(columns="test").assign(p_adjusted=lambda rows: holm(rows["p_value"].to_numpy()))
    ends = zip(table["difference_low"], table["difference_high"], table["p_adjusted"], strict=True)
    return table.assign(verdict=[verdict(*one, uncertainty.level) for one in ends])


def measure_sizes(
    learning_curve: LearningCurveParameters, uncertainty: UncertaintyParameters, **given: Any
) -> pd.DataFrame:
    """Train each of ``learning_curve.techniques`` on each of ``sizes`` posts.

    One row a fit is returned, in comparison's columns, and after those of a technique one with ``measured`` false: what
    a power law gives for all posts. Smaller sets lie within larger ones; a tweet has all its paraphrases. The dev
    split is held out throughout. Warm-up is as long a share of the training as with all posts.

    Raises:
        StudyError: fewer than three sizes are below the number of training posts.
    """
    from tweet_sentiment.modeling.fitting import from_inputs

    setup, examples, techniques = from_inputs(given, POSTS)
    study, experiment = setup.study, Experiment(setup, by_tweet(examples, setup.study.seed), uncertainty)
    every, rows = len(examples.with_dev_split().training), list[dict[str, Any]]()
    sizes = [size for size in learning_curve.sizes if size < every]
    if len(sizes) < FEWEST:
        raise StudyError(
            f"learning_curve.sizes: {len(sizes)} of {learning_curve.sizes} are below the {every} training posts; "
            f"give {FEWEST} or more."
        )
    of_all = {"protocol": study.protocol, "seed": study.seed, "selected": False}
    for technique in learning_curve.techniques:
        predictions = {}
        for size in sizes:
            experiment.fit((technique, size), technique, at_size(techniques[technique], size, every))
            predictions[size] = experiment.predictions[technique, size]
            scores = scores_of(predictions[size], study, uncertainty)
            told = {name: experiment.figures[technique, size].get(name) for name in OF_SIZES}
            told |= {"technique": technique, "n_validation": len(predictions[size]), "measured": True}
            rows.append({**of_all, **told, **scores, **ends_of(scores["intervals"])})
        law, (low, high) = extrapolate(predictions, every, **experiment.resampling)
        same = ("technique", "encoder", "n_validation", "trainable_parameters", "texts")
        expected = {"accuracy": 1 - law.error(every), "accuracy_low": low, "accuracy_high": high, "measured": False}
        constants = {"error_floor": law.floor, "error_excess": law.excess, "exponent": law.exponent}
        rows.append({**of_all, **{name: rows[-1][name] for name in same}, "n_train": every, **expected, **constants})
    return pd.DataFrame(rows).drop(columns=["per_class", "intervals"])


def at_size(parameters: Any, size: int, every: int) -> Any:
    """Return a technique's parameters for ``size`` of ``every`` posts: as many rows, a warm-up of the same share."""
    hyperparameters = parameters.hyperparameters
    if isinstance(hyperparameters.warmup_steps, int):
        hyperparameters = hyperparameters.under(warmup_steps=hyperparameters.warmup_steps * size // every)
    return parameters.under(row_limit=size, hyperparameters=hyperparameters, hold_out_dev_split=True)
