"""A model folder as ONNX: exported, compared with PyTorch on real posts, and only then written."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tweet_sentiment.data.records import CsvForm
from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import ENCODER, format_of, read_manifest
from tweet_sentiment.modeling.by_length import in_batches
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.folders import load_model
from tweet_sentiment.modeling.tokenization import word_pieces
from tweet_sentiment.predictor.onnx.backend import MODEL, OnnxBackend, is_onnx, open_onnx
from tweet_sentiment.predictor.onnx.checking import (
    CheckPosts,
    compare,
    posts_of_csv,
    posts_of_run,
    refuse_other_answers,
)
from tweet_sentiment.predictor.onnx.writing import write_folder, write_onnx
from tweet_sentiment.predictor.predictor import Predictor


def export(
    model: Path,
    output: Path | None,
    quantize: str | None,
    csv: Path | None,
    text_column: str,
    label_column: str | None,
    say: Callable[[str], object] = lambda line: None,
    form: CsvForm | None = None,
    header: bool = True,
) -> Path:
    """Export, compare with PyTorch, write the folder, and say what was found; return the folder.

    ``quantize`` is None or "int8". The posts to compare on are those of ``csv``, written as ``form`` and ``header``
    say, or the test posts of the run that trained the model. ``output`` None: beside the model, with "_onnx"
    behind its name.

    Raises:
        StudyError: there is no such model, no posts to compare on, or too few answers are the same.
    """
    if is_onnx(model):
        raise StudyError(f"{model} is an ONNX model already; give the folder of the trained one.")
    if format_of(read_manifest(model), model) != ENCODER:
        raise StudyError(
            f"{model} holds no encoder of its own, so there is nothing to export. Use it as it is "
            f"(kedro predict --model {model}), or export the folder of an encoder (--model FOLDER)."
        )
    trained = load_model(model)
    predictor = Predictor.of(trained, Device("cpu", "fp32"), str(model))  # makes the model lean, so the export is, too
    posts = (
        posts_of_csv(csv, predictor, text_column, label_column, form or CsvForm(), header)
        if csv
        else posts_of_run(model, predictor)
    )
    folder = output or model.with_name("_".join(filter(None, (model.name, "onnx", quantize))))
    with TemporaryDirectory() as place:
        say(f"Exporting {model} …")
        write_onnx(trained, Path(place) / MODEL, quantize)
        backend = open_onnx(Path(place), len(predictor.labels))
        say(f"Comparing with PyTorch on {len(posts.texts):,} posts …")
        figures = {"quantize": quantize, **_check(predictor, backend, posts), "versions": _versions()}
        refuse_other_answers(figures, quantize)
        write_folder(trained, Path(place) / MODEL, folder, figures, _card(model, figures))
    say("\n".join([*_lines(figures), f"Written: {folder} ({(folder / MODEL).stat().st_size / 1e6:.0f} MB)"]))
    return folder


def _check(predictor: Predictor, backend: OnnxBackend, posts: CheckPosts) -> dict[str, Any]:
    settings, tokenizer = predictor.input, predictor.tokenizer
    ids, _ = word_pieces(posts.texts, tokenizer, settings.most_pieces, settings.hard_prompt, posts.entities)
    reference, found = (in_batches(run.logits, ids, tokens=run.tokens_a_batch) for run in (predictor.backend, backend))
    return compare(reference, found, posts.labels)


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("torch", "onnx", "onnxscript", "onnxruntime")}


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
    how = f"ONNX, {figures['quantize'] or 'fp32'}"
    return f"{card}## Exported to {how}\n\n" + "\n".join(f"- {line}" for line in _lines(figures)) + "\n"
