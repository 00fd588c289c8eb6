"""Which vector of the encoder the head reads: that of [CLS], as DistilBERT does, or the mean of all."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from transformers import DistilBertForSequenceClassification

SETTING = "sentence_pooling"  # in config.json
MEAN = "distilbert-with-mean-pooling, which tweet_sentiment.Predictor loads"  # its model_type: transformers refuses it
NOTE = (
    "The head reads the mean of the word pieces' vectors. transformers' DistilBERT would read [CLS], so transformers "
    "refuses this folder; load it with tweet_sentiment."
)


def pool(classifier: "DistilBertForSequenceClassification", pooling: str) -> None:
    """Let the head read the mean over the word pieces (``mean``) or [CLS] (``cls``); the configuration records it.

    The head reads position 0, so the mean is put there. Padding does not count.
    """
    setattr(classifier.config, SETTING, pooling)
    honour(classifier)


def mark(path: Path) -> None:
    """Let transformers refuse the model of this config.json if the mean is pooled: it would silently read [CLS]."""
    config = json.loads(path.read_text(encoding="utf-8"))
    if config.get(SETTING) == "mean":
        path.write_text(json.dumps(config | {"model_type": MEAN}, indent=2), encoding="utf-8")


def honour(classifier: Any) -> None:
    """Pool as the configuration says, ``cls`` if it says nothing."""
    if getattr(classifier.config, SETTING, "cls") == "mean":
        classifier.pooled_position = None  # all are read, so lean.py must not leave any out
        classifier.distilbert.register_forward_hook(_mean_first, with_kwargs=True)


def _mean_first(_: Any, __: Any, given: dict[str, Any], output: Any) -> Any:
    hidden = output["last_hidden_state"]
    mask = given.get("attention_mask")
    weight = torch.ones_like(hidden[..., :1]) if mask is None else mask.unsqueeze(-1).to(hidden.dtype)
    output["last_hidden_state"] = (hidden * weight).sum(dim=1, keepdim=True) / weight.sum(dim=1, keepdim=True)
    return output
