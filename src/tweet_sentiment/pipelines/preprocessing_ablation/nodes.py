"""Clean one way, encode, train a head; then compare all ways on the same test posts."""

from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tweet_sentiment.data.cleaning import clean_posts
from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.scoring.metrics import PROBABILITY, score, softmax

from .variants import VARIANTS, Variant

EXAMPLE = "This was the WORST match, don't blame us 🤣 https://t.co/x1 <br/> #fail"


def show_variants() -> dict[str, str]:
    """Clean one post every way, by name. It runs first: where NLTK's data are missing, it says so at once.

    Raises:
        StudyError: NLTK's stop words or WordNet are not installed.
    """
    return {variant.name: _cleaned(pd.Series([EXAMPLE]), variant).item() for variant in VARIANTS}


def _cleaned(posts: "pd.Series[str]", variant: Variant) -> "pd.Series[str]":
    return clean_posts(posts, variant.cleaning, variant.stop_words_removed, variant.lemmatised)


def encode_variant(
    variant: Variant, training_posts: pd.DataFrame, test_posts: pd.DataFrame, parameters: StudyParameters
) -> tuple[NDArray[np.float32], NDArray[np.float32], dict[str, Any]]:
    """Clean raw posts one way and encode each distinct text once, without dropout; say what was encoded.

    Returns the features of both sets, shape (posts, dim), one row a post in the order given: posts that lose all
    their text stay, so that every way learns from the same posts. Of the training posts, ``row_limit`` are taken.
    ``mean_word_pieces`` is of the training posts, as they reach the encoder, [CLS] and [SEP] not counted.
    """
    from tweet_sentiment.modeling.devices import choose_device
    from tweet_sentiment.modeling.encoder_files import checkpoint_hash
    from tweet_sentiment.modeling.encoders import load_encoder, load_tokenizer
    from tweet_sentiment.modeling.prediction import encode
    from tweet_sentiment.modeling.tokenization import tokenize

    start = perf_counter()
    training_posts = _limited(training_posts, parameters)
    posts = pd.concat([training_posts, test_posts], ignore_index=True)[["row", "id", "label", "post"]]
    posts["post"] = _cleaned(posts["post"], variant)
    codes, _ = pd.factorize(posts["post"])
    distinct = posts.drop_duplicates("post")  # in the order of their codes
    checkpoint = parameters.model.checkpoint
    tokens, _ = tokenize(distinct, load_tokenizer(checkpoint), parameters.labels, parameters.model.max_length)
    device = choose_device(parameters.device, parameters.fp16, parameters.precision)
    input_ids = list(tokens["input_ids"])
    vectors = encode(load_encoder(checkpoint), input_ids, device, description=f"Encoding {variant.name}")
    n_train = len(training_posts)
    pieces = np.array([len(ids) - 2 for ids in input_ids])[codes[:n_train]]
    encoding = {
        "cleaning": variant.cleaning,
        "steps": variant.steps,
        "n_train": n_train,
        "n_validation": len(test_posts),
        "empty_after_cleaning": int((posts["post"].head(n_train).str.strip() == "").sum()),
        "mean_word_pieces": float(pieces.mean()),
        "distinct_texts": len(distinct),
        "encoding_seconds": perf_counter() - start,
        "device": device.name,
        "precision": device.precision,
        "encoder_sha256": checkpoint_hash(checkpoint),
    }
    return vectors[codes[:n_train]], vectors[codes[n_train:]], encoding


def _limited(training_posts: pd.DataFrame, parameters: StudyParameters) -> pd.DataFrame:
    return training_posts.head(parameters.preprocessing_ablation.row_limit or len(training_posts))


def fit_variant(
    training_posts: pd.DataFrame,
    test_posts: pd.DataFrame,
    training_features: NDArray[np.float32],
    test_features: NDArray[np.float32],
    encoding: dict[str, Any],
    parameters: StudyParameters,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Train the same untrained head on one way's features, to the last epoch; return its predictions and metrics.

    Raises:
        StudyError: the features are of other posts than those given.
    """
    training_posts = _limited(training_posts, parameters)
    if (len(training_features), len(test_features)) != (len(training_posts), len(test_posts)):
        raise StudyError(
            f"The features are of {len(training_features)} + {len(test_features)} posts, but there are "
            f"{len(training_posts)} + {len(test_posts)}: data or parameters have changed since they were made.\n"
            "  Make them again:  kedro run --pipeline=preprocessing_ablation"
        )
    start = perf_counter()
    codes = [_codes(posts, parameters.labels) for posts in (training_posts, test_posts)]
    probabilities = _fitted(codes[0], codes[1], training_features, test_features, encoding, parameters)
    predicted = [parameters.labels[i] for i in probabilities.argmax(axis=1)]
    columns = {f"{PROBABILITY}{label}": probabilities[:, i] for i, label in enumerate(parameters.labels)}
    predictions = test_posts[["row", "id", "label"]].assign(predicted=predicted, **columns)
    metrics = score(codes[1], probabilities, parameters.labels)
    return predictions, metrics | encoding | {"seed": parameters.seed, "seconds": perf_counter() - start}


def _codes(posts: pd.DataFrame, labels: list[str]) -> NDArray[np.int64]:
    return np.array([labels.index(label) for label in posts["label"]], dtype=np.int64)


def _fitted(
    training_codes: NDArray[np.int64],
    validation_codes: NDArray[np.int64],
    training_features: NDArray[np.float32],
    test_features: NDArray[np.float32],
    encoding: dict[str, Any],
    parameters: StudyParameters,
) -> NDArray[np.float64]:
    """Return the probabilities of the test posts, shape (posts, classes)."""
    import torch

    from tweet_sentiment.modeling.devices import choose_device
    from tweet_sentiment.modeling.encoders import load_classifier
    from tweet_sentiment.modeling.fitting import class_weights
    from tweet_sentiment.modeling.heads import Features, Head, train_head

    head = Head(load_classifier(parameters.model.checkpoint, parameters.labels, parameters.seed))
    outcome = train_head(
        head,
        Features(np.array(training_features), training_codes),
        Features(np.array(test_features), validation_codes),
        parameters.preprocessing_ablation.hyperparameters,
        parameters.training,
        names=parameters.labels,
        load_best_model_at_end=False,
        class_weights=class_weights(parameters.training.class_weights, parameters.labels, training_codes.tolist()),
        seed=parameters.seed,
        device=choose_device(parameters.device, parameters.fp16, parameters.precision).name,
        description=f"Head on {encoding['cleaning']}, {encoding['steps']}",
    )
    head.cpu().eval().load_state_dict(outcome.weights)
    with torch.inference_mode():
        return softmax(head(torch.from_numpy(np.array(test_features))).numpy())


def compare_variants(*predictions_metrics_and_parameters: Any) -> pd.DataFrame:
    """Put the ways side by side: scores with intervals, and the paired difference of each to its reference.

    Takes the predictions of all ways, their metrics, both in the order of ``VARIANTS``, and the parameters.
    """
    from .comparing import table_of_variants

    *tables, parameters = predictions_metrics_and_parameters
    names = [variant.name for variant in VARIANTS]
    predictions = dict(zip(names, tables[: len(names)], strict=True))
    metrics = dict(zip(names, tables[len(names) :], strict=True))
    return table_of_variants(predictions, metrics, parameters)


def summarise_variants(table: pd.DataFrame, example: dict[str, str], parameters: StudyParameters) -> str:
    """Answer both questions in words; what is not significant is not claimed."""
    from .summary import summary_markdown

    return summary_markdown(table, example, parameters)


def plot_variants(table: pd.DataFrame, parameters: StudyParameters) -> Any:
    """Draw the accuracy of each way with its interval, grouped by cleaning."""
    from .figures import variants_figure

    return variants_figure(table, parameters)
