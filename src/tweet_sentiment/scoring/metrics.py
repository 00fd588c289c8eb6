"""Scores from labels and probabilities, no torch; ``FORMULAS`` is the one list of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tweet_sentiment.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
CHOSEN_BY = ("accuracy", "macro_f1", "eval_loss")  # of the dev split; the last is better when it is lower
TIMED_POSTS = 1000  # the most that a measurement of speed takes
PROBABILITY = "probability_"  # followed by the class: columns of a table of predictions


class Counts:
    """Confusion matrices, shape (n, true, given), from which every score is computed, one value per matrix.

    A class without true or given posts has precision, recall and F1 of 0.
    """

    def __init__(self, matrices: NDArray[np.int64]) -> None:
        self.right = matrices.diagonal(axis1=1, axis2=2)
        self.true, self.given = matrices.sum(axis=2), matrices.sum(axis=1)

    @cached_property
    def precision(self) -> Floats:
        return self.right / np.maximum(self.given, 1)

    @cached_property
    def recall(self) -> Floats:
        return self.right / np.maximum(self.true, 1)

    @cached_property
    def f1(self) -> Floats:
        return 2 * self.right / np.maximum(self.true + self.given, 1)

    def weighted(self, by_class: Floats) -> Floats:
        """Average a score of the classes, shape (n, classes), weighted by class frequency."""
        return (by_class * self.true).sum(axis=1) / self.true.sum(axis=1)


@dataclass(frozen=True)
class Score:
    """A score's title, its formula, and whether it has an interval."""

    title: str
    of: Callable[[Counts], Floats]
    interval: bool = False


FORMULAS = {
    "accuracy": Score("accuracy", lambda n: n.right.sum(axis=1) / n.true.sum(axis=1), interval=True),
    "f1": Score("F1, weighted", lambda n: n.weighted(n.f1), interval=True),
    "precision": Score("precision", lambda n: n.weighted(n.precision)),
    "recall": Score("recall", lambda n: n.weighted(n.recall)),
    "macro_f1": Score("F1, macro", lambda n: n.f1.mean(axis=1), interval=True),
}
SCORES = ("eval_loss", *FORMULAS)
INTERVALS = [name for name, one in FORMULAS.items() if one.interval]


def softmax(logits: NDArray[np.floating]) -> Floats:
    """Turn logits of shape (posts, classes) into probabilities of the same shape, in double precision."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def probabilities_of(logits: NDArray[np.float32]) -> Floats:
    """Turn logits into probabilities, both of shape (posts, classes).

    Raises:
        StudyError: a logit is not finite, so its label would be wrong.
    """
    if not np.isfinite(logits).all():
        raise StudyError("The model gave logits that are not finite: its weights are damaged, or it diverged.")
    return softmax(logits)


def score(labels: NDArray[np.integer], probabilities: NDArray[np.floating], names: list[str]) -> dict[str, Any]:
    """Score predictions as the paper reports them, and by class.

    ``labels`` has shape (posts,), ``probabilities`` (posts, classes) in the order of ``names``. Precision, recall
    and ``f1`` are weighted by class frequency, ``macro_f1`` is not; ``eval_loss`` is the mean cross-entropy in nats.
    """
    from sklearn.metrics import log_loss

    predicted, size = probabilities.argmax(axis=1), len(names)
    matrix = np.bincount(labels * size + predicted, minlength=size * size).reshape(1, size, size)
    counts = Counts(matrix)
    by_class = zip(names, counts.precision[0], counts.recall[0], counts.f1[0], counts.true[0], strict=True)
    return {
        "eval_loss": float(log_loss(labels, probabilities.astype(np.float64), labels=list(range(size)))),
        **{name: float(one.of(counts)[0]) for name, one in FORMULAS.items()},
        "per_class": {
            name: {"precision": float(p), "recall": float(r), "f1": float(f), "posts": int(n)}
            for name, p, r, f, n in by_class
        },
    }


def score_table(predictions: "pd.DataFrame", labels: list[str]) -> dict[str, Any]:
    """Score a table of predictions, which has ``label`` and a probability per class; see ``score``."""
    probabilities = predictions[[f"{PROBABILITY}{label}" for label in labels]].to_numpy()
    return score(predictions["label"].map(labels.index).to_numpy(), probabilities, labels)


def dev_scores(scores: Mapping[Any, Any] | None) -> dict[str, float | None]:
    """Return the scores on the dev split under their names in the training figures; None if not measured."""
    return {f"dev_{name}": None if scores is None else float(scores[name]) for name in CHOSEN_BY}


def ms_per_post(work: Callable[[], object], posts: int) -> float:
    """Do the work once to warm up, then three times; return the shortest time, in milliseconds per post.

    The shortest is taken, as in ``timeit``: other work of the machine makes the others longer.
    """
    work()
    taken = []
    for _ in range(3):
        start = perf_counter()
        work()
        taken.append(perf_counter() - start)
    return 1000 * min(taken) / posts
