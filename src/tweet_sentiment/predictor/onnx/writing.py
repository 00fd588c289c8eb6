"""A trained model turned into ONNX, and the folder around it."""

import logging
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import onnx
import torch
from torch import nn

from tweet_sentiment.manifests import write_manifest
from tweet_sentiment.modeling.folders import TrainedModel
from tweet_sentiment.predictor.onnx.backend import MODEL
from tweet_sentiment.predictor.onnx.quantizing import quantize_layers
from tweet_sentiment.storage import atomic_write

INT8 = "int8"


class _Exported(nn.Module):
    """Word pieces to logits."""

    def __init__(self, classifier: Any) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.classifier(input_ids=input_ids, attention_mask=attention_mask).logits)


def write_onnx(trained: TrainedModel, path: Path, quantize: str | None = None) -> None:
    """Write the model to ``path``: any number of posts, any length that the encoder has positions for.

    ``quantize`` ``int8`` makes weights and activations 8-bit integers; see :mod:`.quantizing`.
    """
    example = torch.ones((2, 8), dtype=torch.int64)
    dynamic = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            _Exported(trained.model.cpu()).eval(),
            (example, example.clone()),  # the same tensor twice would become one input
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_shapes={"input_ids": dynamic, "attention_mask": dynamic},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    written = program.model_proto
    if quantize == INT8:
        quantize_layers(written)
    onnx.save(written, path)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of packages and steps that are not ours to change."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def write_folder(trained: TrainedModel, model: Path, folder: Path, figures: dict[str, Any], card: str) -> None:
    """Put ``model`` with tokenizer, configuration, card and manifest into ``folder``, whole or not at all.

    The manifest is the trained model's, with ``onnx``: how it was exported and what the check against PyTorch gave.
    """
    with atomic_write(folder) as new:
        new.mkdir(parents=True)
        shutil.copyfile(model, new / MODEL)
        trained.tokenizer.save_pretrained(new)
        trained.model.config.save_pretrained(new)
        (new / "README.md").write_text(card, encoding="utf-8")
        write_manifest(new, {**trained.manifest, "onnx": figures})
