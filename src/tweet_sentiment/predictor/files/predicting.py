"""A file in; out come the same rows with label, probabilities and, if wanted, what was wrong with them."""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tweet_sentiment.data.checking import EMPTIED
from tweet_sentiment.data.lines import Advise, as_option
from tweet_sentiment.errors import StudyError
from tweet_sentiment.paths import refuse_address
from tweet_sentiment.predictor.files.job import STDIN, FileJob, Summary
from tweet_sentiment.predictor.files.parts import Parts, working_folder
from tweet_sentiment.predictor.files.rows import Chunk, Reader, chunks, columns_of
from tweet_sentiment.predictor.files.source import Source
from tweet_sentiment.predictor.files.writing import writer_for
from tweet_sentiment.predictor.predictor import Predictor
from tweet_sentiment.progress import progress_bar
from tweet_sentiment.scoring.metrics import PROBABILITY
from tweet_sentiment.storage import atomic_write

logger = logging.getLogger(__name__)

NAMED = 10  # faulty rows that are named one by one


def predict_file(load: Callable[[], Predictor], job: FileJob) -> Summary:
    """Predict every row of the source and write the output whole; the same call after a kill goes on where it was.

    The file is read once before the model is loaded, so that what is wrong with it is said at once.

    Raises:
        StudyError: the source or the output cannot be, a row is faulty and ``on_error`` is stop, or the source was
            changed meanwhile.
    """
    refuse_address(job.source, "The file")
    refuse_address(job.output, "The output")
    write = writer_for(job.output)
    if job.source != STDIN and job.output.resolve() == Path(job.source).resolve():
        raise StudyError(f"{job.output}: this is the file that is read; name another output.")
    with working_folder(job.output) as folder:
        source = Source.of(job, folder)
        summary = survey(source.reader, job)
        predictor = load()
        predictor.check_entities(job.entity_column is not None, "name their column: --entity-column")
        schema = schema_of(source.reader.schema, predictor.labels, job)
        parts = Parts(folder, _conditions(job, source, predictor))
        _predict_parts(predictor, source.reader, parts, schema, summary, job)
        source.check_unchanged()
        for account in parts.accounts(len(summary.parts)):
            summary.truncated += account["truncated"]
            summary.emptied += account["emptied"]
        summary.faults += summary.emptied
        with atomic_write(job.output) as new:
            write(new, schema, parts.read(len(summary.parts)))
    return summary


def _conditions(job: FileJob, source: Source, predictor: Predictor) -> dict[str, Any]:
    """Return what must be the same for parts to be gone on from."""
    asked = asdict(job) | {"output": "", "source": "", "format": source.format}
    model = hashlib.sha256(json.dumps(predictor.manifest, sort_keys=True).encode()).hexdigest()
    return {"asked": asked, "source": source.sha256, "model": model, "backend": predictor.description}


def survey(reader: Reader, job: FileJob, advise: Advise = as_option) -> Summary:
    """Read all rows once: how many there are, in parts of which sizes, and which are faulty.

    ``advise`` says in messages how a setting is given.

    Raises:
        StudyError: one is faulty, and ``job.on_error`` is stop.
    """
    summary = Summary()
    for chunk in chunks(reader.rows(), job.part_rows):
        faults = [(index, fault) for index, fault in enumerate(chunk.faults()) if fault is not None]
        if faults and job.on_error == "stop":
            index, fault = faults[0]
            raise StudyError(f"{job.source}, {chunk.place(index)}: {fault}.\n{_remedy(advise)}")
        named = faults[: NAMED - len(summary.faulty)]
        summary.faulty += [f"{chunk.place(index)}: {fault}" for index, fault in named]
        summary.faults += len(faults)
        summary.rows += len(chunk.rows)
        summary.parts.append(len(chunk.rows))
    return summary


def _remedy(advise: Advise) -> str:
    return f"  Put the row right; or, to keep such rows without a label, {advise('on_error', 'keep')}."


def schema_of(carried: pa.Schema, labels: list[str], job: FileJob, advise: Advise = as_option) -> pa.Schema:
    """Return the columns of the output: those of the source, then label, probabilities, and error if it is kept.

    Raises:
        StudyError: the source has such a column.
    """
    added = [("label", pa.string()), *((f"{PROBABILITY}{label}", pa.float64()) for label in labels)]
    if job.on_error == "keep":
        added.append(("error", pa.string()))
    fields = [pa.field(f"{job.prefix}{name}", kind) for name, kind in added]
    if both := sorted(set(carried.names) & {field.name for field in fields}):
        raise StudyError(
            f"{job.source} has the columns {both} already, and the result would have them twice.\n"
            f"  To name those that are added otherwise, {advise('prefix', 'predicted_')}."
        )
    return pa.schema([*carried, *fields])


def _predict_parts(
    predictor: Predictor, reader: Reader, parts: Parts, schema: pa.Schema, summary: Summary, job: FileJob
) -> None:
    there = [parts.has(number, size) for number, size in enumerate(summary.parts)]
    left = sum(size for size, done in zip(summary.parts, there, strict=True) if not done)
    if any(there):
        logger.info("Going on: %s of %s rows are done already.", f"{summary.rows - left:,}", f"{summary.rows:,}")
    with progress_bar("Predicting", left, "rows") as bar:
        for number, chunk in enumerate(chunks(reader.rows(), job.part_rows)):
            if not there[number]:
                table, account = predict_chunk(predictor, chunk, reader.schema, schema, bar.update, job.on_error)
                parts.write(number, table, account)


def predict_chunk(
    predictor: Predictor,
    chunk: Chunk,
    carried: pa.Schema,
    schema: pa.Schema,
    done: Callable[[int], object] = lambda rows: None,
    on_error: str = "keep",
    advise: Advise = as_option,
) -> tuple[pa.Table, dict[str, int]]:
    """Return the chunk's columns with those that are added, and how many texts were cut or emptied by cleaning.

    An emptied text is at fault, which shows only here: the file is looked through before the model is there.

    Raises:
        StudyError: cleaning empties a text, and ``on_error`` is stop.
    """
    faults = chunk.faults()
    sound = [index for index, fault in enumerate(faults) if fault is None]
    entities = [chunk.rows[i].entity for i in sound] if predictor.reads_entities else None
    inputs = predictor.inputs([chunk.rows[i].text for i in sound], entities)
    probabilities = np.full((len(faults), len(predictor.labels)), np.nan)
    probabilities[sound] = predictor.probabilities_of(inputs, done)
    done(len(faults) - len(sound))
    for index in np.array(sound, dtype=int)[inputs.emptied]:
        if on_error == "stop":
            raise StudyError(f"{chunk.place(index)}: {EMPTIED}.\n{_remedy(advise)}")
        probabilities[index], faults[index] = np.nan, EMPTIED
    columns = [predictor.named(probabilities), *_nulls_for_nan(probabilities), faults]
    table = columns_of(chunk, carried)
    for field, values in zip(list(schema)[len(carried) :], columns, strict=False):  # faults are left out if not kept
        table = table.append_column(field, pa.array(values, type=field.type))
    return table, {"truncated": int(inputs.truncated.sum()), "emptied": int(inputs.emptied.sum())}


def _nulls_for_nan(probabilities: Any) -> list[list[float | None]]:
    return [[None if np.isnan(p) else p for p in column] for column in probabilities.T.tolist()]
