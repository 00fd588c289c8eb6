"""A tiny encoder, its tokenizer, and a few posts."""

import json
from pathlib import Path

import pytest
import torch
from tests.trainings import LABELS, posts

from tweet_sentiment.manifests import MANIFEST
from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
from tweet_sentiment.modeling.model_folder import TrainedModel
from tweet_sentiment.modeling.prediction import pad
from tweet_sentiment.modeling.tokenization import tokenize
from tweet_sentiment.storage import sha256


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
