"""Parameters of what is measured and reported."""

from typing import Annotated

from pydantic import Field

from tweet_sentiment.parameters.shared import Strict


class UncertaintyParameters(Strict):
    """Bootstrap: how many resamples of tweet ids, and the coverage of the intervals."""

    resamples: Annotated[int, Field(ge=100)]
    level: Annotated[float, Field(gt=0.5, lt=1)]


class ReportingParameters(Strict):
    """What the paper reports, by technique: shown beside ours, never used."""

    paper_accuracy: dict[str, float]
