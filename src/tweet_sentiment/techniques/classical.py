"""The classical baselines: scikit-learn on TF-IDF, on the CPU, without torch."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Strict
from tweet_sentiment.scoring.metrics import PROBABILITY

if TYPE_CHECKING:
    import pandas as pd

ENCODERS = {"majority_class": "none"}  # of the others: TF-IDF
EMPTY = ["row", "id", "label", "predicted"]


class Parameters(Strict):
    """``text``: raw (lower-cased), or cleaned as the encoder reads it; ``C`` of the two linear models."""

    text: Literal["raw", "cleaned"]
    C: Annotated[float, Field(gt=0)]


def fit(
    technique: str,
    training: "pd.DataFrame",
    classical: Parameters,
    labels: list[str],
    seed: int,
    class_weights: dict[str, float] | str | None = None,
) -> Any:
    """Fit the estimator of a classical baseline on the posts; ``class_weights`` are the training's.

    Raises:
        StudyError: the training posts hold nothing to learn from.
    """
    from tweet_sentiment.classical import build

    weights: Any = class_weights
    if isinstance(class_weights, dict):
        weights = {labels.index(label): weight for label, weight in class_weights.items()}
    estimator = build(technique, seed, classical.C, len(training), weights)
    try:
        return estimator.fit(training["post"].tolist(), training["label"].map(labels.index).to_numpy())
    except ValueError as error:
        raise StudyError(
            f"{technique}: the {len(training)} training posts cannot be learnt from ({error}).\n"
            "  Expected posts with words in them; look at the file, at data.columns and at data.cleaning."
        ) from error


def predict(estimator: Any, posts: "pd.DataFrame", labels: list[str]) -> "pd.DataFrame":
    """Return one row per post: row, id, label, predicted, and one probability per class."""
    from tweet_sentiment.classical import probabilities_of

    probabilities = np.zeros((len(posts), len(labels)))
    probabilities[:, estimator.classes_] = probabilities_of(estimator, posts["post"].tolist())
    predicted = [labels[i] for i in probabilities.argmax(axis=1)]
    columns = {f"{PROBABILITY}{label}": probabilities[:, i] for i, label in enumerate(labels)}
    return posts[["row", "id", "label"]].assign(predicted=predicted, **columns)
