"""Which words spoke for a decision, of a model that has no gradients: each word is left out in turn."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Explained = list[list[tuple[str, float]]]
LEAST = 1e-12  # a probability of 0 has no logarithm


def explain_by_leaving_out(
    ask: Callable[[list[str], list[int]], NDArray[np.float64]], texts: Sequence[str]
) -> Explained:
    """Return each word of each text with its share in the decision, above 0 for the label, below 0 against it.

    The decision is the log-probability of the label less the mean of all, as for the other models; a word adds what
    the decision loses without it. The shares' absolute values sum to 1, or are all 0 where no word had any say.
    ``ask`` gets texts, and of each the position in ``texts`` that it comes from, and returns probabilities of shape
    (texts, classes).
    """
    return [_explained(ask, text.split(), position) for position, text in enumerate(texts)]


def _explained(
    ask: Callable[[list[str], list[int]], NDArray[np.float64]], words: list[str], position: int
) -> list[tuple[str, float]]:
    variants = [" ".join(words), *(" ".join(words[:i] + words[i + 1 :]) for i in range(len(words)))]
    logarithms = np.log(ask(variants, [position] * len(variants)).clip(min=LEAST))
    decision = (logarithms - logarithms.mean(axis=1, keepdims=True))[:, logarithms[0].argmax()]
    return shares(words, decision[0] - decision[1:])


def shares(words: Sequence[str], attribution: NDArray[np.float64]) -> list[tuple[str, float]]:
    """Return each word with its share in the decision: above 0 it spoke for the label, below 0 against it.

    The shares' absolute values sum to 1 (or are all 0, where no word had any say).
    """
    total = float(np.abs(attribution).sum())
    parts = attribution / total if total > 0 else attribution
    return [(word, float(part)) for word, part in zip(words, parts, strict=True)]
