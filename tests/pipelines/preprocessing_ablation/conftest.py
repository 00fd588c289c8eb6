"""A few raw posts, and parameters that name the tiny encoder."""

import pandas as pd
import pytest

from tweet_sentiment.parameters import Hyperparameters

POSTS = [
    ("Negative", "I HATE this, it's the worst! https://t.co/x1"),
    ("Neutral", "The new map is out #news"),
    ("Positive", "we LOVE it 🤣 best game in years"),
    ("Negative", "was it not us who lost?"),
    ("Neutral", "12345 !!!"),
    ("Positive", "so good, thank you all <br/>"),
]


def posts(repeated: int) -> pd.DataFrame:
    table = pd.DataFrame(POSTS * repeated, columns=["label", "post"])
    return table.assign(row=range(len(table)), id=[str(1000 + i) for i in range(len(table))], entity="Game")


@pytest.fixture
def training() -> pd.DataFrame:
    """The first two of three repetitions are to learn from, the last is to choose on."""
    table = posts(3)
    return table.assign(dev=table.index >= 12)


@pytest.fixture
def validation() -> pd.DataFrame:
    return posts(2).iloc[::-1].reset_index(drop=True)


@pytest.fixture
def tiny(parameters, encoder):
    few = Hyperparameters(
        num_train_epochs=2, per_device_train_batch_size=6, learning_rate=1e-2, warmup_steps=0, weight_decay=0.0
    )
    return parameters.model_copy(
        update={
            "device": "cpu",
            "precision": "fp32",
            "model": parameters.model.model_copy(update={"checkpoint": str(encoder)}),
            "uncertainty": parameters.uncertainty.model_copy(update={"resamples": 200}),
            "preprocessing_ablation": parameters.preprocessing_ablation.model_copy(update={"hyperparameters": few}),
        }
    )
