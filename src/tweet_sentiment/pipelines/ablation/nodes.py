"""Vary one setting of a technique, fit once for each value, and compare on the same test posts.

An interrupted experiment takes its finished fits from its working folder.
"""

import csv
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tweet_sentiment import parameters as conf
from tweet_sentiment.errors import StudyError
from tweet_sentiment.scoring.comparison import DIFFERENCE_ENDS, holm, paired_difference, verdicts
from tweet_sentiment.scoring.metrics import score_table
from tweet_sentiment.scoring.uncertainty import (
    ENDS,
    bootstrap_intervals,
    ends_of,
    extrapolate,
    right_of,
    scores_of,
    tweet_codes,
)
from tweet_sentiment.techniques import FEATURES, POSTS, TECHNIQUES
from tweet_sentiment.techniques import layer_unfreezing as unfreezing
from tweet_sentiment.techniques import prompt_tuning as prompting

logger = logging.getLogger(__name__)

FIGURES = ("trainable_parameters", "n_train", "seconds", "epoch", "encoder_cached", "steps", "encoder")
OF_SIZES = ["encoder", "texts", "n_train", "trainable_parameters", "seconds"]
OF_SIZES += ["dev_accuracy", "chosen_on", "device", "dtype"]
FEWEST = 3  # sizes that a power law needs
NO_HEAD = "none"
_WAYS = Path(__file__).with_name("ways.csv")
WAYS: list[dict[str, str]] = list(csv.DictReader(_WAYS.read_text(encoding="utf-8").splitlines()))
"""The ways of cleaning: ``data.cleaning.VARIANTS``, stop words removed, lemmas, and what each is compared with."""

SPLIT = ("split_training_posts", "split_test_posts")
EXAMPLE = "This was the WORST match, don't blame us 🤣 https://t.co/x1 <br/> #fail"


class Experiment:
    """An experiment with one fit per variant: what the variants share, and the row of each."""

    def __init__(self, setup: Any, examples: Any, uncertainty: conf.UncertaintyParameters) -> None:
        self.setup, self.examples, self.uncertainty = setup, examples, uncertainty
        self.resampling = {**uncertainty.model_dump(), "seed": setup.study.seed}
        self.predictions: dict[Any, pd.DataFrame] = {}
        self.figures: dict[Any, dict[str, Any]] = {}

    def fit(self, technique: str, variants: Mapping[Any, Any], fit: Any = None) -> None:
        """Fit variants, parameters by name, by the technique's function or another, or take earlier fits."""
        from tweet_sentiment.modeling.series import StoredFit, fit_series

        by: Any = fit or TECHNIQUES[technique].fit
        fits = {name: StoredFit(technique, by, self.examples, one, self.setup) for name, one in variants.items()}
        for name, finished in fit_series(fits).items():
            self.predictions[name], self.figures[name] = finished.predictions, finished.figures

    def row(self, column: str, name: Any) -> dict[str, Any]:
        """Return accuracy on the test posts with its interval, on the dev split, and the figures of the fit."""
        mine, figures = self.predictions[name], self.figures[name]
        ends = bootstrap_intervals(mine, self.setup.labels, **self.resampling)["accuracy"]
        told = {key: figures[key] for key in FIGURES if key in figures} | {"seed": self.setup.study.seed}
        scores = {"dev_accuracy": figures.get("dev_accuracy"), "accuracy": float(right_of(mine).mean())}
        return {column: name, **scores, **dict(zip(ENDS, ends, strict=True)), **told}

    def difference(self, name: Any, reference: Any) -> dict[str, Any]:
        """Return the paired difference in accuracy to another variant; NaN for the variant itself."""
        found: dict[str, Any] = dict.fromkeys(("difference", *ENDS, "test", "p_value"), np.nan) | {"test": ""}
        if name != reference and reference:
            found = paired_difference(self.predictions[name], self.predictions[reference], **self.resampling)
        return {f"difference_{key}" if key in ENDS else key: one for key, one in found.items()}


def by_tweet(examples: Any, seed: int) -> Any:
    """Put the training tweets in a random order, each with all its paraphrases: the first n rows are a set of n."""
    tweets = tweet_codes(examples.training)
    place = np.random.default_rng(seed).permutation(int(tweets.max()) + 1)
    order = np.argsort(place[tweets], kind="stable")
    return replace(examples, training=examples.training.iloc[order].reset_index(drop=True))


def sweep_blocks(
    unfreezing_sweep: conf.UnfreezingSweepParameters,
    layer_unfreezing: unfreezing.Parameters,
    uncertainty: conf.UncertaintyParameters,
    **given: Any,
) -> pd.DataFrame:
    """Unfreeze the head and the top k blocks, for each k of ``unfreezing_sweep.top_blocks``; return one row per k.

    The dev split is always held out, so that k can be chosen by ``dev_accuracy``; ``accuracy``, ``low`` and ``high``
    are measured on the test posts. With k = 0 the head is trained on cached features.
    """
    from tweet_sentiment.modeling.fitting import from_inputs

    setup, examples, _ = from_inputs(given, FEATURES)
    experiment = Experiment(setup, examples, uncertainty)
    changes = {name: one for name, one in unfreezing_sweep if name != "top_blocks"} | {"hold_out_dev_split": True}
    variants = {k: layer_unfreezing.under(**changes, top_blocks=k) for k in unfreezing_sweep.top_blocks}
    experiment.fit("layer_unfreezing", variants)
    return pd.DataFrame([experiment.row("top_blocks", k) for k in variants])


def sweep_heads(
    prompt_tuning: prompting.Parameters, uncertainty: conf.UncertaintyParameters, **given: Any
) -> pd.DataFrame:
    """Train the last hard prompt with each of ``prompt_tuning.heads_to_compare``; return one row per head.

    Choose by ``dev_accuracy``; ``accuracy``, ``low`` and ``high`` are measured on the test posts.
    """
    from tweet_sentiment.modeling.fitting import from_inputs

    setup, examples, _ = from_inputs(given, POSTS)
    experiment, one = Experiment(setup.within("heads"), examples, uncertainty), prompt_tuning
    one = one.one_prompt(one.hard_prompts[-1])
    variants = {" and ".join(head) or NO_HEAD: one.under(trainable_head=head) for head in one.heads_to_compare}
    experiment.fit("prompt_tuning", variants)
    return pd.DataFrame([experiment.row("trainable_head", name) for name in variants])


def compare_trainings(
    training_ablation: conf.TrainingAblationParameters,
    data: conf.DataParameters,
    uncertainty: conf.UncertaintyParameters,
    **given: Any,
) -> pd.DataFrame:
    """Fit ``training_ablation.technique`` with each of ``variants``; return one row per variant.

    The dev split is always held out, so that a variant can be chosen by ``dev_accuracy``; ``accuracy`` with ``low`` and
    ``high`` is measured on the test posts, and so is ``difference`` to the first variant, with its paired interval and
    Holm's p-value. A variant that reads a missing column is skipped.

    Raises:
        StudyError: a variant's changes or its encoder are not right, or no variant is possible.
    """
    from pydantic import ValidationError

    from tweet_sentiment.modeling.fitting import from_inputs, refuse_adapted_to_other_posts

    setup, examples, techniques = from_inputs(given, POSTS)
    technique, varied = training_ablation.technique, dict[str, conf.TrainerParameters]()
    for name in training_ablation.variants:
        key = f"training_ablation.variants.{name}"
        try:
            one = training_ablation.varied(techniques[technique], name)
        except ValidationError as error:
            raise StudyError(f"{key}: {str(error.errors()[0]['msg']).removeprefix('Value error, ')}.") from None
        if one.second_segment == "entity" and data.columns.entity is None:
            logger.warning("Skipped: %s: second_segment is entity, but data.columns.entity is null.", key)
            continue
        refuse_adapted_to_other_posts(one.checkpoint or setup.model.checkpoint, setup.row_counts)
        varied[name] = one
    if not varied:
        raise StudyError(
            "Each of training_ablation.variants reads a column that the file lacks.\n"
            "  Add one that does not, such as plain: {}, or name the column in data.columns."
        )
    experiment, first = Experiment(setup, by_tweet(examples, setup.study.seed), uncertainty), next(iter(varied))
    experiment.fit(technique, varied)
    rows = [
        {"variant": name, "technique": technique} | experiment.row("variant", name) | experiment.difference(name, first)
        for name in varied
    ]
    table = pd.DataFrame(rows).drop(columns="test").assign(p_adjusted=lambda rows: holm(rows["p_value"].to_numpy()))
    return table.assign(verdict=verdicts(table, uncertainty.level, *DIFFERENCE_ENDS))


def measure_sizes(
    learning_curve: conf.LearningCurveParameters, uncertainty: conf.UncertaintyParameters, **given: Any
) -> pd.DataFrame:
    """Train each of ``learning_curve.techniques`` on each of ``sizes`` posts.

    Each fit gives a row, in the columns of the comparison. After the rows of a technique comes one with ``measured``
    false: what a power law gives for all posts. Larger sets contain the smaller ones; a tweet has all its paraphrases.
    The dev split is always held out. The warm-up is the same share of the training as with all posts.

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
        experiment.fit(technique, {size: at_size(techniques[technique], size, every) for size in sizes})
        predictions = dict(experiment.predictions)
        for size in sizes:
            scores = scores_of(predictions[size], study, uncertainty)
            told = {name: experiment.figures[size].get(name) for name in OF_SIZES}
            told |= {"technique": technique, "n_validation": len(predictions[size]), "measured": True}
            rows.append({**of_all, **told, **scores, **ends_of(scores["intervals"])})
        law, (low, high) = extrapolate(predictions, every, **experiment.resampling)
        same = ("technique", "encoder", "n_validation", "trainable_parameters", "texts")
        expected = {"accuracy": 1 - law.error(every), "accuracy_low": low, "accuracy_high": high, "measured": False}
        constants = {"error_floor": law.floor, "error_excess": law.excess, "exponent": law.exponent}
        rows.append({**of_all, **{name: rows[-1][name] for name in same}, "n_train": every, **expected, **constants})
    return pd.DataFrame(rows).drop(columns=["per_class", "intervals"])


def at_size(parameters: Any, size: int, every: int) -> Any:
    """Return a technique's parameters for ``size`` of ``every`` posts, with a warm-up of the same share."""
    hyperparameters = parameters.hyperparameters
    if isinstance(hyperparameters.warmup_steps, int):
        hyperparameters = hyperparameters.under(warmup_steps=hyperparameters.warmup_steps * size // every)
    return parameters.under(row_limit=size, hyperparameters=hyperparameters, hold_out_dev_split=True)


# ---------------------------------------------------------------- cleaning
def cleaned(posts: pd.DataFrame, way: dict[str, str]) -> pd.DataFrame:
    """Return the posts cleaned one way; posts without text are kept, so that every way has the same posts."""
    from tweet_sentiment.data.cleaning import clean_posts

    steps = way["stop_words"] == "removed", way["lemmas"] == "yes"
    return posts.assign(post=clean_posts(posts["post"], way["cleaning"], *steps))


def examples_by_variant() -> dict[str, str]:
    """Clean one post in every way, by name.

    Raises:
        StudyError: NLTK's stop words or WordNet are not installed.
    """
    post = pd.DataFrame({"post": [EXAMPLE]})
    return {way["variant"]: cleaned(post, way)["post"].item() for way in WAYS}


def compare_variants(
    preprocessing_ablation: conf.PreprocessingAblationParameters,
    layer_unfreezing: unfreezing.Parameters,
    uncertainty: conf.UncertaintyParameters,
    **given: Any,
) -> pd.DataFrame:
    """Train the same head on the posts cleaned in every way; return one row per way.

    ``low`` and ``high`` are the interval of accuracy. ``difference`` is accuracy minus that of ``reference``, with its
    paired interval. ``p_adjusted`` is Holm's for the comparisons of this table. ``mean_word_pieces`` is the mean over
    the training posts, as the encoder reads them, without special tokens.
    """
    from tweet_sentiment.modeling.fitting import from_inputs

    examples_by_variant()  # NLTK's data are missed at once, not after hours
    setup, examples, _ = from_inputs(given, SPLIT)
    setup = replace(setup, model=setup.model.under(encoder_dropout=False))
    head = layer_unfreezing.under(top_blocks=0, load_best_model_at_end=False, **dict(preprocessing_ablation))
    posts, test = examples.limited(preprocessing_ablation.row_limit).training, examples.evaluation
    experiment, rows = Experiment(setup, None, uncertainty), []
    for way in WAYS:
        name = way["variant"]
        experiment.examples = replace(examples, training=cleaned(posts, way), evaluation=cleaned(test, way))
        experiment.setup = setup.within(name)
        experiment.fit("layer_unfreezing", {name: head}, fit_cleaned)
        row, scores = experiment.row("variant", name), score_table(experiment.predictions[name], setup.labels)
        told = {one: experiment.figures[name][one] for one in ("empty_after_cleaning", "mean_word_pieces")}
        told |= {one: row[one] for one in ("accuracy", "low", "high")}
        told |= {one: scores[one] for one in ("f1", "macro_f1")}
        rows.append(way | {"n_train": len(posts), "n_validation": len(test)} | told)
    table = pd.DataFrame(rows)
    differences = pd.DataFrame([experiment.difference(way["variant"], way["reference"]) for way in WAYS])
    table = table.assign(reference=table.pop("reference")).join(differences)
    return table.assign(p_adjusted=holm(table["p_value"].to_numpy()))


def fit_cleaned(examples: Any, head: unfreezing.Parameters, setup: Any) -> Any:
    """Encode each distinct text of the cleaned posts once, without dropout, and train a head on the features."""
    from tweet_sentiment.modeling.encoders import load_encoder, load_tokenizer
    from tweet_sentiment.modeling.prediction import encode
    from tweet_sentiment.modeling.tokenization import tokenize

    tokenizer, size = load_tokenizer(setup.model.checkpoint), len(examples.training)
    posts = pd.concat([examples.training, examples.evaluation], ignore_index=True)
    tokens, _ = tokenize(posts, tokenizer, setup.labels, setup.model.max_length)
    codes, _ = pd.factorize(posts["post"])
    first = np.unique(codes, return_index=True)[1]
    distinct = [tokens["input_ids"][int(i)] for i in first]
    vectors = encode(load_encoder(setup.model.checkpoint), distinct, setup.device, description="Encoding")[codes]
    training = tokens.select(range(size))
    featured = replace(
        examples,
        training=training.remove_columns("dev").add_column("dev", [False] * size),  # every way is trained on all
        evaluation=tokens.select(range(size, len(tokens))),
        training_features=vectors[:size],
        evaluation_features=vectors[size:],
    )
    fitted = unfreezing.fit(featured, head, setup)
    fitted.figures["empty_after_cleaning"] = int((examples.training["post"].str.strip() == "").sum())
    fitted.figures["mean_word_pieces"] = float(np.mean([len(ids) - 2 for ids in training["input_ids"]]))
    return fitted


def summarise_variants(
    table: pd.DataFrame,
    run: str,
    study: conf.Study,
    model: conf.ModelParameters,
    uncertainty: conf.UncertaintyParameters,
) -> str:
    """Answer in words what each step costs; what is not significant is not claimed."""
    from tweet_sentiment.reports.findings import cleaning_summary

    return cleaning_summary(table, examples_by_variant(), run, study, model.checkpoint, uncertainty.level)
