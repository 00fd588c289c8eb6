"""Posts to labels and probabilities, by the same predictor as everywhere."""

import logging
from pathlib import Path
from typing import Any

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Compute, InferenceParameters

logger = logging.getLogger(__name__)


def predict(posts: Path, model: Path, inference: InferenceParameters, compute: Compute) -> Any:
    """Return the file's rows with label, probabilities and, if faulty rows are kept, ``error``: an Arrow table.

    ``model`` is a model folder, exported or not.

    Raises:
        StudyError: the file cannot be read, a row is faulty and ``inference.on_error`` is stop, or the model cannot be
            loaded.
    """
    from tweet_sentiment.data.lines import as_parameter
    from tweet_sentiment.data.records import CsvForm
    from tweet_sentiment.manifests import title
    from tweet_sentiment.predictor import Predictor
    from tweet_sentiment.predictor.files import FileJob, predict_table

    if inference.file is None:
        raise StudyError("inference.file is null. Name the file to predict: --params=inference.file=…")
    if not posts.is_file():
        raise StudyError(f"{posts}: there is no such file (or it is a folder). Name one: --params=inference.file=…")
    job = FileJob(
        source=str(posts),
        output=posts,
        text_column=str(inference.text_column),
        entity_column=None if inference.entity_column is None else str(inference.entity_column),
        form=CsvForm(inference.delimiter, inference.quoting, inference.encoding, inference.header),
        on_error=inference.on_error,
        prefix=inference.prefix,
    )

    def load() -> Predictor:
        predictor = Predictor.load(model, compute.device, compute.fp16, compute.precision)
        logger.info("Model: %s.", title(model, predictor.manifest))
        return predictor

    table, summary = predict_table(load, job, as_parameter("inference"))
    for line in summary.faulty:
        logger.warning("%s", line)
    logger.info("%d rows, %d of them faulty.", summary.rows, summary.faults)
    return table
