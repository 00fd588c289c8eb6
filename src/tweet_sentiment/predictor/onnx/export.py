"""A model folder as ONNX: exported, compared with PyTorch on real posts, and only then written."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import nn

from tweet_sentiment.data.lines import Source, as_option
from tweet_sentiment.data.records import CsvForm
from tweet_sentiment.data.tables import open_table
from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import ENCODER, ENSEMBLE, MEMBERS, format_of, read_manifest, write_manifest
from tweet_sentiment.modeling.batching import in_batches, padding_of
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.model_folder import TrainedModel, load_model
from tweet_sentiment.modeling.prediction import pad
from tweet_sentiment.modeling.tokenization import word_pieces
from tweet_sentiment.predictor.onnx.backend import MODEL, is_onnx, open_onnx
from tweet_sentiment.predictor.onnx.quantize import quantize_layers
from tweet_sentiment.predictor.predictor import Predictor
from tweet_sentiment.predictor.scorer import Texts
from tweet_sentiment.storage import atomic_write

LEAST_AGREEMENT = 0.995  # share of posts with the same label, below which an fp32 export is refused
MOST_DIFFERENCE = 0.05  # logits: rounding alone gives less than 0.0001
PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime")


CheckPosts = tuple[list[str], list[str] | None, NDArray[np.int64] | None]  # cleaned texts, entities, labels if known


def export(
    model: Path,
    output: Path | None,
    quantize: str | None,
    csv: Path | None,
    text_column: str,
    label_column: str | None,
    say: Callable[[str], object] = lambda line: None,
    form: CsvForm | None = None,
) -> Path:
    """Export, compare with PyTorch, write the folder, and print the comparison; return the folder.

    ``quantize`` is None or "int8". The posts to compare on are those of ``csv``, written as ``form``
    say, or the test posts of the run that trained the model. ``output`` None: beside the model, with "_onnx"
    behind its name. The manifest is the trained model's, with ``onnx``: how it was exported, and what was found.

    Raises:
        StudyError: there is no such model, no posts to compare on, or too few answers are the same.
    """
    manifest = read_manifest(model)
    if is_onnx(manifest):
        raise StudyError(f"{model} is an ONNX model already; give the folder of the trained one.")
    if format_of(manifest, model) == ENSEMBLE:
        raise StudyError(
            f"{model} is an ensemble of {', '.join(manifest[MEMBERS])}: only single models can be exported. Export the "
            "folder of a member that has an encoder (--model FOLDER)."
        )
    if format_of(manifest, model) != ENCODER:
        raise StudyError(
            f"{model} has no encoder, so there is nothing to export. Use it unchanged "
            f"(kedro predict --model {model}), or export the folder of an encoder (--model FOLDER)."
        )
    trained = load_model(model)
    predictor = Predictor.of(trained, Device("cpu", "fp32"), str(model))  # in the fast form, so the export is, too
    texts, entities, labels = (
        _posts_of_csv(csv, predictor, text_column, label_column, form or CsvForm())
        if csv
        else _posts_of_run(model, predictor)
    )
    folder = output or model.with_name("_".join(filter(None, (model.name, "onnx", quantize))))
    with atomic_write(folder) as new:
        new.mkdir(parents=True)
        say(f"Exporting {model} …")
        write_onnx(trained, new / MODEL, quantize)
        padding = padding_of(trained.model.config)
        backend = open_onnx(new, len(predictor.labels), quantize is not None, padding)
        say(f"Comparing with PyTorch on {len(texts):,} posts …")
        ids, _ = word_pieces(texts, predictor.tokenizer, predictor.input.most_pieces, entities=entities)
        before, after = (in_batches(run.logits, ids, tokens=run.tokens_a_batch) for run in (predictor.backend, backend))
        versions = {name: version(name) for name in PACKAGES}
        figures = {"quantize": quantize, **compare(before, after, labels), "versions": versions}
        refuse_other_answers(figures, quantize)
        trained.tokenizer.save_pretrained(new)
        trained.model.config.save_pretrained(new)
        (new / "README.md").write_text(_card(model, figures), encoding="utf-8")
        write_manifest(new, {**trained.manifest, "onnx": figures})
    say("\n".join([*_lines(figures), f"Written: {folder} ({(folder / MODEL).stat().st_size / 1e6:.0f} MB)"]))
    return folder


def _posts_of_run(model: Path, predictor: Predictor) -> CheckPosts:
    """Return the test posts of the run of the model's folder, which are cleaned already."""
    run = next((parent for parent in model.absolute().parents if parent.parent.name == "06_models"), None)
    protocol = predictor.manifest.get("protocol", "?")
    path = run and run.parents[1] / "03_primary" / run.name / protocol / "test_posts.parquet"
    if path is None or not path.is_file():
        looked = f"there is no {path}" if path else f"{model} does not lie in data/06_models/<run>"
        raise StudyError(
            f"The posts to compare on are not there: {looked}.\n"
            "  Make them (kedro run --pipelines=data_processing), or give some: --csv FILE --text-column NAME"
        )
    posts = pd.read_parquet(path)
    return _check_posts(posts, posts["post"].tolist(), "label", predictor)


def _posts_of_csv(
    path: Path, predictor: Predictor, text_column: str, label_column: str | None, form: CsvForm
) -> CheckPosts:
    """Read a file, without rows that cannot be classified or whose label the model does not have."""
    texts = Texts(open_table(Source.at(path, advise=as_option), form), text_column, None)
    chunk = texts.chunk(list(texts.table.rows()))
    table = chunk.table.filter(pa.array([fault is None for fault in chunk.faults], pa.bool_())).to_pandas()
    if label_column:
        if label_column not in table:
            raise StudyError(f"{path}: there is no column '{label_column}'; found {list(table.columns)}.")
        table = table[table[label_column].isin(predictor.labels)]
    if table.empty:
        raise StudyError(f"{path} has no post to compare on: expected texts, and labels of {predictor.labels}.")
    return _check_posts(table, predictor.cleaned(table[text_column]), label_column, predictor)


def _check_posts(table: pd.DataFrame, texts: list[str], label_column: str | None, predictor: Predictor) -> CheckPosts:
    if predictor.reads_entities and "entity" not in table:
        raise StudyError("The model reads an entity with each text, and the posts to compare on have no such column.")
    labels = table[label_column].map(predictor.labels.index).to_numpy(dtype=np.int64) if label_column else None
    return texts, table["entity"].tolist() if predictor.reads_entities else None, labels


class _Exported(nn.Module):
    def __init__(self, classifier: Any) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> Any:
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        return self.classifier(input_ids=input_ids, attention_mask=attention_mask, **types).logits


def write_onnx(trained: TrainedModel, path: Path, quantize: str | None = None) -> None:
    """Write the model to ``path``: any number of posts, any length that the encoder has positions for.

    ``quantize`` ``int8`` makes weights and activations 8-bit integers; see ``quantize``.
    """
    example = pad([[1] * 8] * 2, **padding_of(trained.model.config))
    dynamic = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            _Exported(trained.model.cpu()).eval(),
            (*example.values(),),
            input_names=[*example],
            output_names=["logits"],
            dynamic_shapes=(dynamic,) * len(example),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    written = program.model_proto
    if quantize is not None:
        quantize_layers(written)
    onnx.save(written, path)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of packages and steps that are not ours to change."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(logging.NOTSET)


def compare(
    reference: NDArray[np.floating], found: NDArray[np.floating], labels: NDArray[np.integer] | None
) -> dict[str, Any]:
    """Return posts, share of equal decisions, largest difference of a logit, and both accuracies if labels are known.

    ``reference`` and ``found`` are logits of shape (posts, classes); ``labels`` has shape (posts,).
    """
    before, after = reference.argmax(axis=1), found.argmax(axis=1)
    figures: dict[str, Any] = {
        "posts": len(reference),
        "agreement": float((before == after).mean()),
        "largest_difference": float(np.abs(reference - found).max()),
    }
    if labels is not None:
        accuracies = float((before == labels).mean()), float((after == labels).mean())
        figures |= {"accuracy_pytorch": accuracies[0], "accuracy_onnx": accuracies[1]}
        figures["accuracy_change"] = accuracies[1] - accuracies[0]
    return figures


def refuse_other_answers(check: dict[str, Any], quantize: str | None) -> None:
    """Refuse an fp32 export that does not decide like PyTorch; a quantized export may differ, as its manifest says.

    Raises:
        StudyError: fewer than 99.5 % of the posts got the same label, or a logit is off by more than rounding.
    """
    if quantize is None and (check["agreement"] < LEAST_AGREEMENT or check["largest_difference"] > MOST_DIFFERENCE):
        raise StudyError(
            f"The exported model gives the same label on {check['agreement']:.2%} of {check['posts']} posts, with "
            f"logits up to {check['largest_difference']:.2g} off; expected {LEAST_AGREEMENT:.1%} and "
            f"{MOST_DIFFERENCE}. Nothing was written.\n"
            "  This is a fault of the exporter's: use the PyTorch folder, and report it with the versions of torch, "
            "onnx and onnxscript."
        )


def _lines(figures: dict[str, Any]) -> list[str]:
    lines = [f"Same label as PyTorch: {figures['agreement']:.2%} of {figures['posts']:,} posts"]
    lines.append(f"Largest difference of a logit: {figures['largest_difference']:.2g}")
    if "accuracy_change" in figures:
        before, after = figures["accuracy_pytorch"], figures["accuracy_onnx"]
        lines.append(f"Accuracy: {before:.4f} with PyTorch, {after:.4f} with ONNX ({after - before:+.4f})")
    return lines


def _card(model: Path, figures: dict[str, Any]) -> str:
    """Return the model card with what the export changed."""
    path = model / "README.md"
    card = path.read_text(encoding="utf-8").rstrip() + "\n\n" if path.is_file() else ""
    lines = "\n".join(f"- {line}" for line in _lines(figures))
    return f"{card}## Exported to ONNX, {figures['quantize'] or 'fp32'}\n\n{lines}\n"
