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
from transformers import DistilBertForSequenceClassification, PreTrainedTokenizerFast

from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.freezing import count_trainable, unfreeze
from tweet_sentiment.modeling.heads import Features, Head, train_head
from tweet_sentiment.modeling.training import train
from tweet_sentiment.parameters import Hyperparameters, StudyParameters

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FittingData:
    """Tokens and features of the posts to learn from and to measure on, in the same order."""

    training_tokens: Dataset
    validation_tokens: Dataset
    training_features: NDArray[np.float32]
    validation_features: NDArray[np.float32]


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


def fit_classifier(
    classifier: DistilBertForSequenceClassification,
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
    """
    chosen = parameters.layer_unfreezing
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
        "trainable_parameters": count_trainable(classifier),
        "learning": learning,
        "hyperparameters": hyperparameters.model_dump(),
        "device": device.name,
        "precision": device.precision,
    }
    if on_features(learning, parameters):
        outcome = _fit_head(classifier, data, hyperparameters, parameters, device, shared, description)
        return Fit(outcome.curves, figures | {"way": "features", "steps": outcome.steps, "epoch": outcome.epoch})
    through = train(
        classifier,
        tokenizer,
        data.training_tokens,
        data.validation_tokens,
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
    return not parameters.model.encoder_dropout and not any(name.startswith("distilbert.") for name in learning)


def _fit_head(
    classifier: DistilBertForSequenceClassification,
    data: FittingData,
    hyperparameters: Hyperparameters,
    parameters: StudyParameters,
    device: Device,
    shared: dict[str, Any],
    description: str,
) -> Any:
    head = Head(classifier)
    for name, weight in head.named_parameters():
        weight.requires_grad = classifier.get_parameter(name).requires_grad
    outcome = train_head(
        head,
        Features(np.array(data.training_features), np.asarray(data.training_tokens["label"])),
        Features(np.array(data.validation_features), np.asarray(data.validation_tokens["label"])),
        hyperparameters,
        parameters.training,
        device=device.name,
        description=description,
        **shared,
    )
    classifier.load_state_dict(outcome.weights, strict=False)
    return outcome
