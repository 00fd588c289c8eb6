"""Small trainings: a few posts with paraphrases, the tiny encoder, few epochs, and ways to cut them off."""

from contextlib import contextmanager
from itertools import count

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import Trainer

from tweet_sentiment.modeling import checkpoints
from tweet_sentiment.modeling.encoders import load_encoder, load_tokenizer
from tweet_sentiment.modeling.fitting import Examples, Fitted, Setup
from tweet_sentiment.modeling.prediction import encode
from tweet_sentiment.modeling.tokenization import tokenize
from tweet_sentiment.scoring.metrics import PROBABILITY
from tweet_sentiment.techniques import POSTS, TECHNIQUES

LABELS = ["Negative", "Neutral", "Positive"]
TEXTS = {
    "Negative": ["i hate this", "the worst update of all, it keeps crashing", "so bad", "what a broken mess of a game"],
    "Neutral": ["the new map is out", "we play at nine", "patch notes are here, read them before you start", "ok then"],
    "Positive": ["i love it", "best game i have played in years", "so good", "thank you all for the great evening"],
}
READS = {"data": {"cleaning": "none", "remove_stop_words": False, "lemmatize": False}}
ROW_COUNTS = {"protocol": "leak_free", "seed": 42, "files": {"training": {"sha256": "a"}}, "training_posts": 36}
ROW_COUNTS |= {"texts": "raw", "parameters": READS}
BATCH, EPOCHS = 8, 3


def posts(repeated: int) -> pd.DataFrame:
    """Return 12 posts a repetition, four of each class, in turn."""
    rows = [(label, text) for few in zip(*TEXTS.values(), strict=True) for label, text in zip(TEXTS, few, strict=True)]
    table = pd.DataFrame(rows * repeated, columns=["label", "post"])
    return table.assign(row=range(len(table)), id=[str(1000 + i) for i in range(len(table))])


def tweets(repeated: int = 3) -> pd.DataFrame:
    """Return 12 tweets of so many paraphrases; those of two tweets are the dev split."""
    table = posts(repeated).assign(entity="Game")
    table["id"] = [str(i % 12) for i in range(len(table))]
    return table.assign(dev=table["id"].isin(["0", "1"]))


def examples() -> Examples:
    """Return 36 training posts, 6 of them in the dev split, and 12 test posts."""
    return Examples(tweets(), posts(1).assign(entity="Game"))


def encoded(given: Examples, setup: Setup) -> Examples:
    """Return the same as tokens, with the features of the frozen encoder."""
    tokenizer, encoder = load_tokenizer(setup.model.checkpoint), load_encoder(setup.model.checkpoint)
    tokens = [tokenize(one, tokenizer, setup.labels, 64)[0] for one in (given.training, given.evaluation)]
    return Examples(*tokens, *(encode(encoder, one["input_ids"], setup.device) for one in tokens))


def small(parameters, encoder, **changes):
    """Return the sections with the tiny encoder in fp32 on the processor."""
    model = parameters.model.model_copy(update={"checkpoint": str(encoder)})
    return parameters.model_copy(
        update={"model": model, "device": "cpu", "precision": "fp32", "labels": LABELS, **changes}
    )


def few(section, **changes):
    """Return a section with few epochs of small batches; hyperparameters may be among the changes."""
    chosen = {"num_train_epochs": EPOCHS, "per_device_train_batch_size": BATCH, "warmup_steps": 0}
    chosen |= {name: changes.pop(name) for name in list(changes) if name in type(section.hyperparameters).model_fields}
    hyperparameters = section.hyperparameters.model_copy(update=chosen)
    return section.model_copy(update={"hyperparameters": hyperparameters, **changes})


def setup_of(sections, folder, **changes) -> Setup:
    """Return what every fit depends on."""
    parts = [getattr(sections, name) for name in ("study", "model", "training", "compute")]
    return Setup(*parts, ROW_COUNTS | changes, folder)


def node_inputs(sections, folder, *own) -> dict:
    """Return what a node that trains takes beside its data, with the sections of these names."""
    names = ("study", "model", "training", "compute", *own)
    return {"row_counts": ROW_COUNTS, "working_folder": folder} | {name: getattr(sections, name) for name in names}


def soft_labels(table: pd.DataFrame, of_row) -> pd.DataFrame:
    """Say of each post that it is of the class that ``of_row`` names."""
    said = {f"{PROBABILITY}{label}": [float(of_row(row) == label) for row in table["row"]] for label in LABELS}
    return table[["row", "id", "label"]].assign(**said)


def fit(technique: str, sections, folder, given: Examples | None = None, **more) -> Fitted:
    """Fit a technique to the few posts, by its section among ``sections``."""
    one, setup, given = TECHNIQUES[technique], setup_of(sections, folder), given or examples()
    if "soft_labels" in one.extra and "soft_labels" not in more:
        more["soft_labels"] = soft_labels(given.training, lambda row: LABELS[row % 3])
    return one.fit(given if one.reads == POSTS else encoded(given, setup), getattr(sections, technique), setup, **more)


@contextmanager
def interrupted_at(step: int):
    """Press Ctrl-C in a step of the Trainer, counted from 1."""
    steps, original = count(1), Trainer.training_step

    def training_step(trainer, *given):
        if next(steps) == step:
            raise KeyboardInterrupt
        return original(trainer, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "training_step", training_step)
        with pytest.raises(KeyboardInterrupt):
            yield


@contextmanager
def stopped_after_save(number: int):
    """End the training right after its checkpoint of this number, counted from 1, is whole."""
    saves, original = count(1), checkpoints.seal

    def seal(checkpoint):
        original(checkpoint)
        if next(saves) == number:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "seal", seal)
        with pytest.raises(KeyboardInterrupt):
            yield


def copy_of(model) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def moved(model, before: dict[str, torch.Tensor]) -> set[str]:
    """Return the names of the weights that are not as before; of longer tables the first rows are looked at."""
    after = model.state_dict()
    return {
        name
        for name, old in before.items()
        if not torch.equal(after[name][: len(old)] if old.dim() else after[name], old)
    }


def same_bits(one, other) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(t, u) for (a, t), (b, u) in pairs)


def cross_entropies(logits: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return -log of the probability of each post's class."""
    logits = logits.astype(np.float64)
    return np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(codes)), codes]
