"""A tiny encoder, its tokenizer, and a few posts."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from tweet_sentiment.manifests import MANIFEST
from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
from tweet_sentiment.modeling.model_folder import TrainedModel
from tweet_sentiment.modeling.prediction import pad
from tweet_sentiment.modeling.tokenization import tokenize
from tweet_sentiment.storage import sha256

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


def logits(model, batch):
    with torch.inference_mode():
        return model.eval()(**batch).logits


def vouch(folder):
    """Write the manifest's hashes anew, as for a folder that was saved with its fault."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["files"] = {name: sha256((folder / name).read_bytes()) for name in manifest["files"]}
    path.write_text(json.dumps(manifest))


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


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


@pytest.fixture
def batch(tokens):
    """The 12 posts, padded."""
    return pad(tokens[1]["input_ids"], 0)


@pytest.fixture
def folder(tiny_classifier, tokenizer, tmp_path) -> Path:
    """A model folder; its weights are large enough that every part of the model matters."""
    for weights in tiny_classifier.parameters():
        if weights.dim() == 2:
            weights.data *= 8
    TrainedModel(tiny_classifier, tokenizer, {"labels": LABELS, "accuracy": 0.5}).save(tmp_path / "model")
    return tmp_path / "model"
