"""The parameters of the paper's files, and those files."""

from pathlib import Path

import pandas as pd
import pytest

from tweet_sentiment.data.filtering import filter_posts
from tweet_sentiment.data.lines import RawFile
from tweet_sentiment.data.reading import read_posts
from tweet_sentiment.parameters import AuditParameters, Columns, DataParameters, LeakFreeRules


@pytest.fixture(scope="session")
def data() -> DataParameters:
    return DataParameters(
        training_file="data/01_raw/twitter_training.csv",
        validation_file="data/01_raw/twitter_validation.csv",
        header=False,
        delimiter=",",
        quoting="csv",
        encoding="utf-8",
        columns=Columns(id=0, entity=1, label=2, post=3),
        drop_labels=["Irrelevant"],
        row_limit=None,
        validation_share=0.2,
        leak_free=LeakFreeRules(
            tweet_id=True, normalised_text=True, near_duplicate=True, near_duplicate_threshold=90.0
        ),
        audit=AuditParameters(overlap_limit=0.01, examples=5),
        cleaning="none",
        remove_stop_words=False,
        lemmatize=False,
        label_issues="keep",
    )


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
    return {part: read_posts(RawFile(file.name, file.read_bytes()), data, labels) for part, file in files.items()}


@pytest.fixture(scope="session")
def real_filtered(data, labels, real_posts) -> dict[str, pd.DataFrame]:
    """The same, as the study learns from them."""
    return {part: filter_posts(posts, data, labels, seed=42)[0] for part, posts in real_posts.items()}
