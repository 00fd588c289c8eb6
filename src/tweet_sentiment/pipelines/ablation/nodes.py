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
    Study,
    TrainerParameters,
    TrainingAblationParameters,
    UncertaintyParameters,
    UnfreezingSweepParameters,
)
from tweet_sentiment.scoring.bootstrap import bootstrap_intervals, tweet_codes
from tweet_sentiment.scoring.comparison import holm, paired_difference, verdict
from tweet_sentiment.techniques import FEATURES, POSTS, TECHNIQUES
from tweet_sentiment.techniques import layer_unfreezing as unfreezing
from tweet_sentiment.techniques import prompt_tuning as prompting

logger = logging.getLogger(__name__)

FIGURES = ("trainable_parameters", "n_train", "seconds", "epoch", "encoder_cached", "steps", "encoder")
NO_HEAD = "none"


class Experiment:
    """One fit a variant: what all of them share, and the row that each gives."""

    def __init__(self, setup: Any, examples: Any, uncertainty: UncertaintyParameters) -> None:
        self.setup, self.examples = setup, examples
        self.resampling = {**uncertainty.model_dump(include={"resamples", "level"}), "seed": setup.study.seed}
        self.predictions: dict[Any, pd.DataFrame] = {}
        self.figures: dict[Any, dict[str, Any]] = {}

    def fit(self, name: Any, technique: str, parameters: Any) -> None:
        """Fit the variant ``name``, or take what was fitted before."""
        self.fit_by(TECHNIQUES[technique].fit, name, technique, parameters)

    def fit_by(self, fit: Any, name: Any, technique: str, parameters: Any) -> None:
        """Do the same by a function of one's own."""
        from tweet_sentiment.modeling.fitting import fit_once

        logger.info("%s, %s", technique, name)
        finished = fit_once(technique, fit, self.examples, parameters, self.setup)
        self.predictions[name], self.figures[name] = finished.predictions, finished.figures

    def row(self, column: str, name: Any) -> dict[str, Any]:
        """Return accuracy on the test posts with its interval, on the dev split, and the figures of the fit."""
        mine, figures = self.predictions[name], self.figures[name]
        low, high = bootstrap_intervals(mine, self.setup.labels, **self.resampling)["accuracy"]
        accuracy = float((mine["label"] == mine["predicted"]).mean())
        told = {key: figures[key] for key in FIGURES if key in figures}
        scores = {"dev_accuracy": figures.get("dev_accuracy"), "accuracy": accuracy, "low": low, "high": high}
        return {column: name, **scores, **told, "seed": self.setup.study.seed}

    def difference(self, name: Any, reference: Any) -> dict[str, Any]:
        """Return the paired difference in accuracy to another variant; nothing to itself."""
        found: dict[str, Any] = dict.fromkeys(("difference", "low", "high", "p_value"), np.nan) | {"test": ""}
        if name != reference and reference:
            found = paired_difference(self.predictions[name], self.predictions[reference], **self.resampling)
        ends = {"difference_low": found["low"], "difference_high": found["high"]}
        return {"difference": found["difference"], **ends, "test": found["test"], "p_value": found["p_value"]}


def judged(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """Adjust the p-values of a table's differences for their number (Holm), and give the verdict on each."""
    table = table.assign(p_adjusted=holm(table["p_value"].to_numpy()))
    ends = zip(table["difference_low"], table["difference_high"], table["p_adjusted"], strict=True)
    return table.assign(verdict=[verdict(*one, level=level) for one in ends])


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
    experiment, sweep, rows = Experiment(setup, examples, uncertainty), unfreezing_sweep, []
    for blocks in sweep.top_blocks:
        changes = {"top_blocks": blocks, "hold_out_dev_split": True, "hyperparameters": sweep.hyperparameters}
        changes |= {"row_limit": sweep.row_limit, "load_best_model_at_end": sweep.load_best_model_at_end}
        experiment.fit(blocks, "layer_unfreezing", layer_unfreezing.model_copy(update=changes))
        rows.append(experiment.row("top_blocks", blocks))
    return pd.DataFrame(rows)


def sweep_heads(prompt_tuning: prompting.Parameters, uncertainty: UncertaintyParameters, **given: Any) -> pd.DataFrame:
    """Train the last hard prompt with each of ``prompt_tuning.heads_to_compare``; return one row a head.

    Chosen by ``dev_accuracy``; ``accuracy``, ``low`` and ``high`` are of the test posts.
    """
    from tweet_sentiment.modeling.fitting import from_inputs

    setup, examples, _ = from_inputs(given, POSTS)
    experiment, rows = Experiment(setup.within("heads"), examples, uncertainty), []
    for head in prompt_tuning.heads_to_compare:
        name, one = " and ".join(head) or NO_HEAD, prompt_tuning.model_copy(update={"trainable_head": head})
        experiment.fit(name, "prompt_tuning", one.one_prompt(prompt_tuning.hard_prompts[-1]))
        rows.append(experiment.row("trainable_head", name))
    return pd.DataFrame(rows)


def compare_trainings(
    training_ablation: TrainingAblationParameters,
    data: DataParameters,
    uncertainty: UncertaintyParameters,
    **given: Any,
) -> pd.DataFrame:
    """Fit ``training_ablation.technique`` with each of ``variants``; return one row a variant.

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
    experiment = Experiment(setup, by_tweet(examples, setup.study.seed), uncertainty)
    for name, one in varied.items():
        experiment.fit(name, technique, one)
    first = next(iter(varied))
    rows = [
        {"variant": name, "technique": technique} | experiment.row("variant", name) | experiment.difference(name, first)
        for name in varied
    ]
    return judged(pd.DataFrame(rows).drop(columns="test"), uncertainty.level)


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

    from .sizes import at_size, below, extrapolated, measured

    setup, examples, techniques = from_inputs(given, POSTS)
    experiment = Experiment(setup, by_tweet(examples, setup.study.seed), uncertainty)
    every, rows = len(examples.with_dev_split().training), list[dict[str, Any]]()
    sizes = below(learning_curve.sizes, every)
    for technique in learning_curve.techniques:
        for size in sizes:
            experiment.fit((technique, size), technique, at_size(techniques[technique], size, every))
            found = experiment.figures[technique, size], experiment.predictions[technique, size]
            rows.append(measured(technique, *found, setup.study, uncertainty))
        predictions = {size: experiment.predictions[technique, size] for size in sizes}
        rows.append(extrapolated(rows[-1], predictions, every, experiment.resampling))
    return pd.DataFrame(rows)


def plot_sweep(column: str, words: str, table: pd.DataFrame, study: Study) -> Any:
    """Draw accuracy by the setting that was varied."""
    from tweet_sentiment.reports.figures import sweep_figure

    return sweep_figure(table, column, words, study.protocol, study.chosen_on)


def plot_sizes(table_of_sizes: pd.DataFrame, study: Study) -> Any:
    """Draw accuracy by the number of training posts."""
    from tweet_sentiment.reports.figures import learning_figure

    return learning_figure(table_of_sizes, study.protocol)
