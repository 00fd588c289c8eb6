"""Parameters of what is measured and reported."""

from typing import Annotated, Literal

from pydantic import Field

from tweet_sentiment.parameters.shared import Protocol, Strict, WithoutNulls


class UncertaintyParameters(Strict):
    """Bootstrap: how many resamples of tweet ids, and the coverage of the intervals."""

    resamples: Annotated[int, Field(ge=100)]
    level: Annotated[float, Field(gt=0.5, lt=1)]


class PromotionParameters(Strict):
    """Which model is promoted: that of ``technique``, or where it is null the best by ``metric``; under ``protocol``.

    ``metric`` is measured on the dev split, so that the figures on the validation
    posts stay untouched by the choice: ``accuracy`` or ``macro_f1``, the higher the better, or ``eval_loss``, the lower
    the better. ``macro_f1`` counts each class alike, however rare it is.
    """

    metric: Literal["accuracy", "macro_f1", "eval_loss"]
    protocol: Protocol
    technique: str | None


class ReportingParameters(Strict):
    """What the paper reports, by technique: shown beside ours, never used."""

    paper_accuracy: Annotated[dict[str, float], WithoutNulls]


class TrackingParameters(Strict):
    """Who else is told of a run: ``mlflow``, the address of a store, and ``tensorboard``, a folder; null for nobody.

    Both are written from what nodes save, so that no result depends on them. They need the extras of these names.
    """

    mlflow: Annotated[str, Field(min_length=1)] | None
    tensorboard: Annotated[str, Field(min_length=1)] | None
