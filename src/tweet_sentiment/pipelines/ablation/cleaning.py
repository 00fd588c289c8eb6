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
SPLIT = ("split_training_posts", "split_test_posts")
EXAMPLE = "This was the WORST match, don't blame us 🤣 https://t.co/x1 <br/> #fail"


@dataclass(frozen=True)
class Variant:
    """One way: a key of ``data.cleaning.VARIANTS``; then, if true, stop words go and words become lemmas."""

    cleaning: str
    stop_words_removed: bool = False
    lemmatised: bool = False

    @property
    def name(self) -> str:
        """Its row in the table, and its folder of checkpoints."""
        steps = ["no_stop_words"] * self.stop_words_removed + ["lemmas"] * self.lemmatised
        return "_".join([self.cleaning, *(steps or ["plain"])])

    @property
    def reference(self) -> str:
        """Name what it is compared with; of ``corrected_plain`` nothing (``""``).

        A way with one of the steps: the same cleaning without them. The published one that keeps its letters: the
        published one; the minimal ones: none. Another plain way: the corrected one.
        """
        plain = {LETTERS_KEPT: "published", "corrected": "", "published": "corrected", "none": "corrected"}
        plain |= {"minimal": "none", "minimal_emoji_named": "minimal"}
        other = self.cleaning if self.stop_words_removed or self.lemmatised else plain[self.cleaning]
        return other and Variant(other).name


STEPS = ((False, False), (True, False), (False, True), (True, True))
VARIANTS = [Variant(way, *steps) for way, steps in product(("published", "corrected", "none"), STEPS)]
VARIANTS += map(Variant, (LETTERS_KEPT, "minimal", "minimal_emoji_named"))


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
    setup = replace(setup, model=setup.model.under(encoder_dropout=False))
    head = layer_unfreezing.under(top_blocks=0, load_best_model_at_end=False, **dict(preprocessing_ablation))
    posts, test = examples.limited(preprocessing_ablation.row_limit).training, examples.evaluation
    experiment, rows = Experiment(setup, None, uncertainty), []
    for way in VARIANTS:
        experiment.examples = replace(examples, training=cleaned(posts, way), evaluation=cleaned(test, way))
        experiment.setup = setup.within(way.name)
        experiment.fit(way.name, "layer_unfreezing", head, fit_cleaned)
        row, scores = experiment.row("variant", way.name), score_table(experiment.predictions[way.name], setup.labels)
        told = {name: experiment.figures[way.name][name] for name in ("empty_after_cleaning", "mean_word_pieces")}
        rows.append(
            {
                "variant": way.name,
                "cleaning": way.cleaning,
                "stop_words": "removed" if way.stop_words_removed else "kept",
                "lemmas": "yes" if way.lemmatised else "no",
                "n_train": len(posts),
                "n_validation": len(test),
                **told,
                **{name: row[name] for name in ("accuracy", "low", "high")},
                **{name: scores[name] for name in ("f1", "macro_f1")},
                "reference": way.reference,
            }
        )
    differences = pd.DataFrame([experiment.difference(way.name, way.reference) for way in VARIANTS])
    return pd.DataFrame(rows).join(differences).assign(p_adjusted=holm(differences["p_value"].to_numpy()))


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
    """Answer in words what each step costs; what is not significant is not claimed."""
    from tweet_sentiment.reports.cleaning import cleaning_summary

    return cleaning_summary(table, examples_by_variant(), run, study, model.checkpoint, uncertainty.level)
