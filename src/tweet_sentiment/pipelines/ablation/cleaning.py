"""Every way of cleaning through the same head: what stop words, lemmas and the paper's fault cost."""

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from tweet_sentiment.parameters import (
    ModelParameters,
    PreprocessingAblationParameters,
    Study,
    UncertaintyParameters,
)
from tweet_sentiment.scoring.comparison import holm
from tweet_sentiment.scoring.metrics import score_table
from tweet_sentiment.techniques import layer_unfreezing as unfreezing

from .nodes import Experiment

LETTERS_KEPT = "published_letters_kept"
CLEANINGS = ("published", "corrected", "none")
STEPS = {
    (False, False): "plain",
    (True, False): "no stop words",
    (False, True): "lemmas",
    (True, True): "no stop words, lemmas",
}


@dataclass(frozen=True)
class Variant:
    """One way: a key of ``data.cleaning.VARIANTS``; then, if true, stop words go and words become lemmas."""

    cleaning: str
    stop_words_removed: bool
    lemmatised: bool

    @property
    def steps(self) -> str:
        """What is done beside the cleaning, in words."""
        return STEPS[self.stop_words_removed, self.lemmatised]

    @property
    def name(self) -> str:
        """The namespace of its nodes and data."""
        return f"{self.cleaning}_{self.steps.replace(', ', '_').replace(' ', '_')}"

    @property
    def reference(self) -> str:
        """Name what it is compared with; of ``corrected_plain`` nothing (``""``).

        A way with one of the steps: the same cleaning without them. The published one that keeps its letters: the
        published one. Another plain way: the corrected one.
        """
        if self.cleaning == LETTERS_KEPT:
            return Variant("published", False, False).name
        plain = Variant(self.cleaning, False, False)
        if self != plain:
            return plain.name
        return "" if self.cleaning == "corrected" else Variant("corrected", False, False).name


VARIANTS = (
    *(Variant(cleaning, *steps) for cleaning, steps in product(CLEANINGS, STEPS)),
    Variant(LETTERS_KEPT, False, False),
)

SPLIT = ("split_training_posts", "split_test_posts")
EXAMPLE = "This was the WORST match, don't blame us 🤣 https://t.co/x1 <br/> #fail"


def cleaned(posts: pd.DataFrame, variant: Variant) -> pd.DataFrame:
    """Return the posts cleaned one way; those that lose all their text stay, so that every way has the same posts."""
    from tweet_sentiment.data.cleaning import clean_posts

    texts = clean_posts(posts["post"], variant.cleaning, variant.stop_words_removed, variant.lemmatised)
    return posts.assign(post=texts)


def examples_by_variant() -> dict[str, str]:
    """Clean one post every way, by name.

    Raises:
        StudyError: NLTK's stop words or WordNet are not installed.
    """
    post = pd.DataFrame({"post": [EXAMPLE]})
    return {variant.name: cleaned(post, variant)["post"].item() for variant in VARIANTS}


def compare_variants(
    preprocessing_ablation: PreprocessingAblationParameters,
    layer_unfreezing: unfreezing.Parameters,
    uncertainty: UncertaintyParameters,
    **given: Any,
) -> pd.DataFrame:
    """Train the same head on the posts cleaned every way; return one row a way, in the order of ``VARIANTS``.

    ``low`` and ``high`` are accuracy's interval. ``difference`` is accuracy less that of ``reference``, beside it its
    paired interval. ``p_adjusted`` is Holm's for the comparisons of this table. ``mean_word_pieces`` is of the training
    posts, as they reach the encoder, special tokens not counted.
    """
    from tweet_sentiment.modeling.fitting import from_inputs

    examples_by_variant()  # NLTK's data are missed at once, not after hours
    setup, examples, _ = from_inputs(given, SPLIT)
    setup = replace(setup, model=setup.model.model_copy(update={"encoder_dropout": False}))
    head = layer_unfreezing.model_copy(
        update={
            "top_blocks": 0,
            "load_best_model_at_end": False,
            "row_limit": preprocessing_ablation.row_limit,
            "hyperparameters": preprocessing_ablation.hyperparameters,
        }
    )
    posts, test = examples.limited(preprocessing_ablation.row_limit).training, examples.evaluation
    experiment, rows = Experiment(setup, None, uncertainty), []
    for variant in VARIANTS:
        experiment.examples = replace(examples, training=cleaned(posts, variant), evaluation=cleaned(test, variant))
        experiment.setup = setup.within(variant.name)
        experiment.fit_by(fit_cleaned, variant.name, "layer_unfreezing", head)
    for variant in VARIANTS:
        row, scores = (
            experiment.row("variant", variant.name),
            score_table(experiment.predictions[variant.name], setup.labels),
        )
        told = {name: experiment.figures[variant.name][name] for name in ("empty_after_cleaning", "mean_word_pieces")}
        rows.append(
            {
                "variant": variant.name,
                "cleaning": variant.cleaning,
                "stop_words": "removed" if variant.stop_words_removed else "kept",
                "lemmas": "yes" if variant.lemmatised else "no",
                "n_train": len(posts),
                "n_validation": len(test),
                **told,
                **{name: row[name] for name in ("accuracy", "low", "high")},
                **{name: scores[name] for name in ("f1", "macro_f1")},
                "reference": variant.reference,
                **experiment.difference(variant.name, variant.reference),
            }
        )
    table = pd.DataFrame(rows)
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
    table: pd.DataFrame, run: str, study: Study, model: ModelParameters, uncertainty: UncertaintyParameters
) -> str:
    """Answer both questions in words; what is not significant is not claimed."""
    from .cleaning_summary import summary_markdown

    return summary_markdown(table, examples_by_variant(), run, study, model.checkpoint, uncertainty.level)


def plot_variants(table: pd.DataFrame, study: Study, uncertainty: UncertaintyParameters) -> Any:
    """Draw the accuracy of each way with its interval, grouped by cleaning."""
    from .cleaning_summary import variants_figure

    return variants_figure(table, study.protocol, uncertainty.level)
