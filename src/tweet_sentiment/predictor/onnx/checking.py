"""Whether an exported model still gives the same answers, and the posts to find out on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tweet_sentiment.data.checking import fault_of
from tweet_sentiment.data.lines import Source, as_option
from tweet_sentiment.data.records import CsvForm
from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor.files.csv_rows import CsvReader
from tweet_sentiment.predictor.predictor import Predictor

LEAST_AGREEMENT = 0.995  # share of posts with the same label, below which an fp32 export is refused
MOST_DIFFERENCE = 0.05  # logits: rounding alone gives less than 0.0001


@dataclass(frozen=True)
class CheckPosts:
    """Posts to compare both models on: cleaned texts, entities if the model reads them, labels if known."""

    texts: list[str]
    entities: list[str] | None
    labels: NDArray[np.int64] | None


def posts_of_run(model: Path, predictor: Predictor) -> CheckPosts:
    """Take the test posts of the run that the model's folder belongs to: they are cleaned already."""
    path = _validation_posts(model.absolute(), predictor.manifest.get("protocol", "?"))
    if path is None or not path.is_file():
        looked = f"there is no {path}" if path else f"{model} does not lie in data/06_models/<run>"
        raise StudyError(
            f"The posts to compare on are not there: {looked}.\n"
            "  Make them (kedro run --pipeline=data_processing), or give some: --csv FILE --text-column NAME"
        )
    posts = pd.read_parquet(path)
    labels = posts["label"].map(predictor.labels.index).to_numpy(dtype=np.int64)
    return CheckPosts(posts["post"].tolist(), _entities(posts, predictor), labels)


def _validation_posts(model: Path, protocol: str) -> Path | None:
    """Return ``data/03_primary/<run>/<protocol>/…`` for a folder somewhere in ``data/06_models/<run>``, else None."""
    for run in model.parents:
        if run.parent.name == "06_models":
            return run.parent.parent / "03_primary" / run.name / protocol / "test_posts.parquet"
    return None


def _entities(posts: pd.DataFrame, predictor: Predictor) -> list[str] | None:
    if not predictor.reads_entities:
        return None
    if "entity" not in posts:
        raise StudyError("The model reads an entity beside each text, and the posts to compare on have no such column.")
    return posts["entity"].tolist()


def posts_of_csv(
    path: Path, predictor: Predictor, text_column: str, label_column: str | None, form: CsvForm, header: bool
) -> CheckPosts:
    """Read a CSV; left out are rows that cannot be classified or whose label the model has not.

    Raises:
        StudyError: there is no such file, it cannot be read, or nothing is left of it.
    """
    if not path.is_file():
        raise StudyError(f"--csv: there is no file {path}.")
    table = _sound_rows(path, text_column, form, header)
    if label_column:
        if label_column not in table:
            raise StudyError(f"{path}: there is no column '{label_column}'; found {list(table.columns)}.")
        table = table[table[label_column].isin(predictor.labels)]
    if table.empty:
        raise StudyError(f"{path} has no post to compare on: expected texts, and labels of {predictor.labels}.")
    labels = table[label_column].map(predictor.labels.index).to_numpy(dtype=np.int64) if label_column else None
    return CheckPosts(predictor.cleaned(table[text_column]), _entities(table, predictor), labels)


def _sound_rows(path: Path, text_column: str, form: CsvForm, header: bool) -> pd.DataFrame:
    reader = CsvReader(Source.at(path), text_column, None, form, header, as_option)
    rows = [row.values for row in reader.rows() if row.fault is None and fault_of(row.text) is None]
    return pd.DataFrame(rows, columns=reader.schema.names, dtype="object")


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
    """An fp32 export must decide as PyTorch does; a quantized one is another model, and its manifest says so.

    Raises:
        StudyError: fewer than 99.5 % of the posts got the same label, or a logit is off by more than rounding.
    """
    if quantize is not None:
        return
    if check["agreement"] < LEAST_AGREEMENT or check["largest_difference"] > MOST_DIFFERENCE:
        raise StudyError(
            f"The exported model gives the same label on {check['agreement']:.2%} of {check['posts']} posts, with "
            f"logits up to {check['largest_difference']:.2g} off; expected {LEAST_AGREEMENT:.1%} and "
            f"{MOST_DIFFERENCE}. Nothing was written.\n"
            "  This is a fault of the exporter's: use the PyTorch folder, and report it with the versions of torch, "
            "onnx and onnxscript."
        )
