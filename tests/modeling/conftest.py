"""A tiny encoder, its tokenizer, and a few posts."""

from pathlib import Path

import pandas as pd
import pytest

from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
from tweet_sentiment.modeling.tokenization import tokenize

LABELS = ["Negative", "Neutral", "Positive"]
POSTS = {
    "Negative": ["i hate this", "the worst update of all, it keeps crashing", "so bad", "what a broken mess of a game"],
    "Neutral": ["the new map is out", "we play at nine", "patch notes are here, read them before you start", "ok then"],
    "Positive": ["i love it", "best game i have played in years", "so good", "thank you all for the great evening"],
}


def posts(repeated: int) -> pd.DataFrame:
    """Return 12 posts a repetition, four of each class, in turn."""
    rows = [(label, post) for few in zip(*POSTS.values(), strict=True) for label, post in zip(POSTS, few, strict=True)]
    table = pd.DataFrame(rows * repeated, columns=["label", "post"])
    return table.assign(row=range(len(table)), id=[str(1000 + i) for i in range(len(table))])


@pytest.fixture(scope="session")
def tokenizer():
    return load_tokenizer("embedded")


@pytest.fixture(scope="session")
def tiny_folder(encoder) -> Path:
    return encoder


@pytest.fixture
def tiny_classifier(tiny_folder):
    return load_classifier(str(tiny_folder), LABELS, seed=1)


@pytest.fixture(scope="session")
def tokens(tokenizer):
    """Training and validation: 36 and 12 posts."""
    return tuple(tokenize(posts(repeated), tokenizer, LABELS, max_length=64)[0] for repeated in (3, 1))
