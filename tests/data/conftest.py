"""The parameters of the paper's files, and those files."""

from pathlib import Path

import pandas as pd
import pytest
from tests.conftest import raw_parameters, validate_parameters

from tweet_sentiment.data.filtering import filter_posts
from tweet_sentiment.data.lines import Source
from tweet_sentiment.data.reading import read_posts
from tweet_sentiment.parameters import DataParameters


@pytest.fixture(scope="session")
def data() -> DataParameters:
    known = validate_parameters(raw_parameters("kaggle")).data
    rules = known.leak_free.model_copy(update={"near_duplicate_threshold": 90.0})
    audit = known.audit.model_copy(update={"examples": 5})
    return known.model_copy(update={"quoting": "csv", "leak_free": rules, "audit": audit})


@pytest.fixture(scope="session")
def labels() -> list[str]:
    return ["Positive", "Negative", "Neutral"]


@pytest.fixture(scope="session")
def raw_folder() -> Path:
    return Path(__file__).parents[2] / "data/01_raw"


@pytest.fixture(scope="session")
def real_posts(data, labels, raw_folder) -> dict[str, pd.DataFrame]:
    """The paper's two files as read, unfiltered."""
    files = {part: raw_folder / f"twitter_{part}.csv" for part in ("training", "validation")}
    return {part: read_posts(Source.of(file.name, file.read_bytes()), data, labels) for part, file in files.items()}


@pytest.fixture(scope="session")
def real_filtered(data, labels, real_posts) -> dict[str, pd.DataFrame]:
    """The same, as the study learns from them."""
    return {part: filter_posts(posts, data, labels, seed=42)[0] for part, posts in real_posts.items()}
