"""Scores from labels and probabilities; no torch."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tweet_sentiment.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd

SCORES = ("eval_loss", "accuracy", "f1", "precision", "recall", "macro_f1")
CHOSEN_BY = ("accuracy", "macro_f1", "eval_loss")  # of the dev split; the last is better when it is lower
PROBABILITY = "probability_"  # followed by the class: columns of a table of predictions


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Turn logits of shape (posts, classes) into probabilities of the same shape, in double precision."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def probabilities_of(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Turn logits into probabilities, both of shape (posts, classes).

    Raises:
        StudyError: a logit is not finite; a label from it would look right and be wrong.
    """
    if not np.isfinite(logits).all():
        raise StudyError("The model gave logits that are not finite: its weights are damaged, or it diverged.")
    return softmax(logits)


def score(labels: NDArray[np.integer], probabilities: NDArray[np.floating], names: list[str]) -> dict[str, Any]:
    """Score predictions as the paper reports them, and by class.

    ``labels`` has shape (posts,), ``probabilities`` (posts, classes) in the order of ``names``. Precision, recall
    and ``f1`` are weighted by class frequency, ``macro_f1`` is not; ``eval_loss`` is the mean cross-entropy in nats.
    """
    from sklearn.metrics import accuracy_score, log_loss, precision_recall_fscore_support

    predicted = probabilities.argmax(axis=1)
    classes = list(range(len(names)))
    by_class = precision_recall_fscore_support(labels, predicted, labels=classes, zero_division=0)
    weighted = precision_recall_fscore_support(labels, predicted, labels=classes, average="weighted", zero_division=0)
    return {
        "eval_loss": float(log_loss(labels, probabilities.astype(np.float64), labels=classes)),
        "accuracy": float(accuracy_score(labels, predicted)),
        "f1": float(weighted[2]),
        "precision": float(weighted[0]),
        "recall": float(weighted[1]),
        "macro_f1": float(np.mean(by_class[2])),
        "per_class": {
            name: {"precision": float(p), "recall": float(r), "f1": float(f), "posts": int(n)}
            for name, p, r, f, n in zip(names, *by_class, strict=True)
        },
    }


def score_table(predictions: "pd.DataFrame", labels: list[str]) -> dict[str, Any]:
    """Score a table of predictions, which has ``label`` and a probability a class; see :func:`score`."""
    probabilities = predictions[[f"{PROBABILITY}{label}" for label in labels]].to_numpy()
    return score(predictions["label"].map(labels.index).to_numpy(), probabilities, labels)


def dev_scores(scores: Mapping[Any, Any] | None) -> dict[str, float | None]:
    """Return the scores on the dev split under the names that training's figures have for them.

    None: they were not measured there.
    """
    return {f"dev_{name}": None if scores is None else float(scores[name]) for name in CHOSEN_BY}
