"""Posts to labels and probabilities, by the same predictor as everywhere."""

import logging
from pathlib import Path
from typing import Any

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Compute, InferenceParameters

logger = logging.getLogger(__name__)


def predict(posts: Path, model: Path, inference: InferenceParameters, compute: Compute) -> Any:
    """Return the file's rows with label, probabilities and, where faulty rows are kept, ``error``: an Arrow table.

    ``model`` is a model's folder, an exported one too.

    Raises:
        StudyError: the file cannot be read, a row is faulty and ``inference.on_error`` is stop, or the model cannot be
            loaded.
    """
    import pyarrow as pa

    from tweet_sentiment.data.lines import as_parameter
    from tweet_sentiment.manifests import title
    from tweet_sentiment.predictor import Predictor
    from tweet_sentiment.predictor.files.job import FileJob
    from tweet_sentiment.predictor.files.predicting import predict_chunk, schema_of, survey
    from tweet_sentiment.predictor.files.rows import chunks
    from tweet_sentiment.predictor.files.source import reader_of

    chosen, advise = inference, as_parameter("inference")
    if chosen.file is None:
        raise StudyError("inference.file is null. Name the file to predict: --params=inference.file=…")
    entity_column = None if chosen.entity_column is None else str(chosen.entity_column)
    job = FileJob(
        source=str(posts),
        output=posts,
        text_column=str(chosen.text_column),
        entity_column=entity_column,
        delimiter=chosen.delimiter,
        quoting=chosen.quoting,
        encoding=chosen.encoding,
        header=chosen.header,
        on_error=chosen.on_error,
        prefix=chosen.prefix,
    )
    if not posts.is_file():
        raise StudyError(f"{posts}: there is no such file (or it is a folder). Name one: --params=inference.file=…")
    reader = reader_of(posts, str(posts), job, advise)
    summary = survey(reader, job, advise)
    for line in summary.faulty:
        logger.warning("%s", line)
    predictor = Predictor.load(model, compute.device, compute.fp16, compute.precision)
    logger.info("Model: %s.", title(model, predictor.manifest))
    predictor.check_entities(entity_column is not None, "name their column: inference.entity_column")
    schema = schema_of(reader.schema, predictor.labels, job, advise)
    parts = [
        predict_chunk(predictor, chunk, reader.schema, schema, on_error=job.on_error, advise=advise)
        for chunk in chunks(reader.rows(), 5000)
    ]
    faults = summary.faults + sum(account["emptied"] for _, account in parts)
    logger.info("%d rows, %d of them faulty.", summary.rows, faults)
    return pa.concat_tables([table for table, _ in parts]) if parts else schema.empty_table()
