"""Fitting a classifier with part of it frozen: on features where they say all, through the encoder where not."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from datasets import Dataset
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from tweet_sentiment.modeling.devices import Device, choose_device
from tweet_sentiment.modeling.encoders import is_of_encoder, load_classifier, load_tokenizer
from tweet_sentiment.modeling.freezing import count_trainable, unfreeze
from tweet_sentiment.modeling.heads import Features, Head, train_head
from tweet_sentiment.modeling.model_folder import TrainedModel
from tweet_sentiment.modeling.training import train
from tweet_sentiment.parameters import Hyperparameters, StudyParameters

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FittingData:
    """Tokens and features of the training posts and to measure on, in the same order."""

    training_tokens: Dataset
    test_tokens: Dataset
    training_features: NDArray[np.float32]
    test_features: NDArray[np.float32]

    def dev_split(self) -> "FittingData":
        """Return the data for a choice: the posts marked for it to measure on, the rest of training to learn from.

        Where no post is marked (the published protocol), the choice is made on the test posts.
        """
        marked = np.asarray(self.training_tokens["dev"], dtype=bool)
        if not marked.any():
            return self
        rest, chosen = np.flatnonzero(~marked), np.flatnonzero(marked)
        features = self.training_features
        parts = (features[rest], features[chosen]) if len(features) else (features, features)
        return FittingData(self.training_tokens.select(rest), self.training_tokens.select(chosen), *parts)


@dataclass(frozen=True)
class Fit:
    """What a fit says of itself: curves (one row a log or evaluation), and figures for the record."""

    curves: pd.DataFrame
    figures: dict[str, Any]


def class_weights(setting: Any, labels: list[str], targets: list[int]) -> list[float] | None:
    """Turn ``training.class_weights`` into a weight a class; ``balanced``: posts / (classes * posts of the class)."""
    if setting is None:
        return None
    if isinstance(setting, dict):
        return [float(setting[label]) for label in labels]
    counts = np.bincount(np.asarray(targets), minlength=len(labels))
    return [float(weight) for weight in len(targets) / (len(labels) * counts)]


@dataclass(frozen=True)
class Fitted:
    """A classifier (or peft's wrapper of one) that has been fitted, its tokenizer, and what the fit says of itself."""

    classifier: Any
    tokenizer: PreTrainedTokenizerFast
    fit: Fit

    def model(self, manifest: dict[str, Any]) -> TrainedModel:
        """Return what a model folder is made of."""
        return TrainedModel(self.classifier, self.tokenizer, manifest)


def fit_from_start(
    data: FittingData,
    hyperparameters: Hyperparameters,
    parameters: StudyParameters,
    *,
    working_folder: Path,
    fingerprint: dict[str, Any],
    description: str = "",
) -> Fitted:
    """Put a new head, drawn with ``parameters.seed``, on the encoder and fit what ``layer_unfreezing`` names."""
    classifier = load_classifier(parameters.model.checkpoint, parameters.labels, parameters.seed)
    tokenizer = load_tokenizer(parameters.model.checkpoint)
    fit = fit_classifier(
        classifier,
        tokenizer,
        data,
        hyperparameters,
        parameters,
        device=choose_device(parameters.device, parameters.fp16, parameters.precision),
        working_folder=working_folder,
        fingerprint=fingerprint | {"parameters": parameters.decisive()},
        description=description,
    )
    return Fitted(classifier, tokenizer, fit)


def scores_on_dev(
    fit: Fit, data: FittingData, hyperparameters: Hyperparameters, parameters: StudyParameters, working_folder: Path
) -> dict[Any, Any] | None:
    """Return the scores on the dev split of a model that did not learn from them.

    Where ``fit`` chose its epoch on them, it is that epoch's; otherwise the head is fitted once more without them,
    for these figures alone. None where that would be another training through the encoder, or where there are no such
    posts (the published protocol).
    """
    if not any(data.training_tokens["dev"]) or fit.figures["way"] != "features":
        return None
    if not parameters.layer_unfreezing.load_best_model_at_end:
        apart = data.dev_split()
        fit = fit_from_start(apart, hyperparameters, parameters, working_folder=working_folder, fingerprint={}).fit
    measured = fit.curves.dropna(subset=["accuracy"])
    return measured[measured["epoch"].round() == round(fit.figures["epoch"])].iloc[-1].to_dict()


def fit_classifier(
    classifier: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    data: FittingData,
    hyperparameters: Hyperparameters,
    parameters: StudyParameters,
    *,
    device: Device,
    working_folder: Path,
    fingerprint: dict[str, Any],
    on_epoch: Callable[[int, dict[str, Any]], None] = lambda epoch, metrics: None,
    description: str = "",
) -> Fit:
    """Freeze what ``layer_unfreezing`` does not name, and fit the rest; ``classifier`` is changed in place.

    If only the head learns and ``model.encoder_dropout`` is false, the encoder's features are used, and the
    assembled model gives the logits that the head gave. Otherwise the Trainer runs the encoder at every step.
    ``load_best_model_at_end`` chooses the epoch, so it takes the data to choose on.
    """
    chosen = parameters.layer_unfreezing
    data = data.dev_split() if chosen.load_best_model_at_end else data
    learning = unfreeze(classifier, chosen.unfreeze, chosen.top_blocks)
    shared: dict[str, Any] = {
        "names": parameters.labels,
        "load_best_model_at_end": chosen.load_best_model_at_end,
        "class_weights": class_weights(
            parameters.training.class_weights, parameters.labels, data.training_tokens["label"]
        ),
        "seed": parameters.seed,
        "on_epoch": on_epoch,
    }
    figures = {
        "texts": parameters.data.texts,
        "trainable_parameters": count_trainable(classifier),
        "learning": learning,
        "n_train": len(data.training_tokens),
        "hyperparameters": hyperparameters.model_dump(),
        "device": device.name,
        "dtype": device.precision,
    }
    if on_features(learning, parameters):
        outcome = _fit_head(classifier, data, hyperparameters, parameters, device, shared, description)
        return Fit(outcome.curves, figures | {"way": "features", "steps": outcome.steps, "epoch": outcome.epoch})
    through = train(
        classifier,
        tokenizer,
        data.training_tokens,
        data.test_tokens,
        hyperparameters,
        parameters.training,
        padding=parameters.model.padding,
        max_length=parameters.model.max_length,
        device=device,
        working_folder=working_folder,
        fingerprint=fingerprint,
        **shared,
    )
    return Fit(through.curves, figures | {"way": "encoder", "steps": through.steps, "epoch": through.best_epoch})


def on_features(learning: list[str], parameters: StudyParameters) -> bool:
    """Tell whether features computed once can stand for the encoder."""
    return not parameters.model.encoder_dropout and not any(map(is_of_encoder, learning))


def _fit_head(
    classifier: PreTrainedModel,
    data: FittingData,
    hyperparameters: Hyperparameters,
    parameters: StudyParameters,
    device: Device,
    shared: dict[str, Any],
    description: str,
) -> Any:
    outcome = train_head(
        Head(classifier),
        Features(np.array(data.training_features), np.asarray(data.training_tokens["label"])),
        Features(np.array(data.test_features), np.asarray(data.test_tokens["label"])),
        hyperparameters,
        parameters.training,
        device=device.name,
        description=description,
        **shared,
    )
    classifier.load_state_dict(outcome.weights, strict=False)
    return outcome
