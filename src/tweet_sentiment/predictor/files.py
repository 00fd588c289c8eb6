"""Files of any size through a predictor: read in chunks, written in parts, resumable, in constant memory."""

import hashlib
import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from tweet_sentiment.data.checking import EMPTIED, fault_of, fault_of_entity
from tweet_sentiment.data.lines import Advise, Source, as_option
from tweet_sentiment.data.records import CsvForm
from tweet_sentiment.data.tables import AS_JSON, CsvTable, Format, Row, Table, open_table, place_of
from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor.predictor import Predictor
from tweet_sentiment.predictor.writing import writer_for
from tweet_sentiment.progress import progress_bar
from tweet_sentiment.scoring.metrics import PROBABILITY
from tweet_sentiment.storage import atomic_write, refuse_address

logger = logging.getLogger(__name__)

STDIN = "-"
NAMED = 10  # faulty rows that are named one by one
CHARACTERS_A_CHUNK = 8_000_000  # long texts make shorter chunks, so that memory stays the same
_ACCOUNT = b"account"


@dataclass(frozen=True)
class FileJob:
    """What to read, how, and where the result goes.

    ``source`` is a path, or "-" for standard input; where ``format`` is None its start and its name tell it.
    ``on_error`` keep: a faulty row stays, with an ``error`` and no label; stop: the first one ends the run before
    anything is predicted. ``prefix`` stands before the names of the columns that are added. ``part_rows`` rows are
    written at a time: a killed run loses no more than these.
    """

    source: str
    output: Path
    text_column: str
    entity_column: str | None = None
    format: Format | None = None
    form: CsvForm = field(default_factory=CsvForm)
    on_error: Literal["keep", "stop"] = "keep"
    prefix: str = ""
    part_rows: int = 5000


@dataclass
class Summary:
    """What became of the rows; ``faulty`` names the first faulty ones, ``parts`` are the sizes of the parts."""

    rows: int = 0
    faults: int = 0
    truncated: int = 0
    emptied: int = 0
    faulty: list[str] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Chunk:
    """Rows of a file, the first of them number ``first``, counted from 1 without its header; and what is wrong."""

    first: int
    rows: list[Row]
    faults: list[str | None]
    posts: list[tuple[str, str]]
    """Text and entity ("" where the file has none) of each row that can be classified."""

    def place(self, index: int) -> str:
        """Name a row for people."""
        line = self.rows[index].line
        return f"row {self.first + index}" + ("" if line is None else f" (line {line})")


class Texts:
    """The texts of a table, and the columns that are carried over."""

    def __init__(self, table: Table, text_column: str, entity_column: str | None, advise: Advise) -> None:
        self.table, self.schema, self.name = table, table.schema, table.source.name
        names = self.schema.names
        if twice := sorted({name for name in names if names.count(name) > 1}):
            hint = (
                f"; or, if the file has no header, {advise('header', 'false')}" if isinstance(table, CsvTable) else ""
            )
            raise StudyError(f"{self.name}: its columns are named {twice} twice.\n  Rename one{hint}.")
        self._columns = [place_of(table, one, advise) for one in (text_column, entity_column) if one is not None]
        for column in self._columns:
            kind = self.schema.field(column).type
            if table.format == "jsonl":  # a value that is no text is a fault of its row
                self.schema = self.schema.set(column, pa.field(names[column], pa.string()))
            elif not _holds_texts(kind):
                raise StudyError(f"{self.name}: {names[column]!r} holds {kind}, expected texts.")
        if isinstance(table, CsvTable):
            table.report_findings()

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Yield the rows, ``size`` at most at a time; where a chunk ends depends on the file and ``size`` alone."""
        first, held, characters = 1, list[Row](), 0
        for row in self.table.rows():
            if held and (len(held) == size or characters + row.size > CHARACTERS_A_CHUNK):
                yield self.chunk(held, first)
                first, held, characters = first + len(held), [], 0
            held.append(row)
            characters += row.size
        if held:
            yield self.chunk(held, first)

    def chunk(self, rows: list[Row], first: int = 1) -> Chunk:
        """Put rows together, and say of each why it cannot be classified, or None."""
        given = [[row.values[column] for column in self._columns] for row in rows]
        faults = [
            row.fault or fault_of(text) or next(filter(None, map(fault_of_entity, entity)), None)
            for row, (text, *entity) in zip(rows, given, strict=True)
        ]
        sound = [values for values, fault in zip(given, faults, strict=True) if fault is None]
        return Chunk(first, rows, faults, [(text, entity[0] if entity else "") for text, *entity in sound])

    def with_predictions(
        self, chunk: Chunk, schema: pa.Schema, labels: list[str], probabilities: NDArray[np.float64]
    ) -> pa.Table:
        """Return the chunk's carried columns with label, probabilities and error, as in ``schema``.

        ``probabilities`` are those of ``chunk.posts``; a row of NaN is a text that cleaning has emptied.
        """
        arrays = [
            self._array([row.values[column] for row in chunk.rows], carried)
            for column, carried in enumerate(self.schema)
        ]
        answers = iter(probabilities)
        added: list[list[Any]] = []
        for fault in chunk.faults:
            shares = next(answers) if fault is None else np.full(len(labels), np.nan)
            known = not np.isnan(shares).any()
            error = None if known else fault or EMPTIED
            added.append([labels[shares.argmax()] if known else None, *(p if known else None for p in shares), error])
        new = list(schema)[len(self.schema) :]
        arrays += [pa.array([values[place] for values in added], type=one.type) for place, one in enumerate(new)]
        return pa.Table.from_arrays(arrays, schema=schema)

    def result_schema(self, labels: list[str], prefix: str, advise: Advise, with_error: bool = True) -> pa.Schema:
        """Return the columns of the result: those of the file, then label, probabilities, and error if it is wanted.

        Raises:
            StudyError: the file has such a column.
        """
        added = [("label", pa.string()), *((f"{PROBABILITY}{label}", pa.float64()) for label in labels)]
        added += [("error", pa.string())] if with_error else []
        fields = [pa.field(f"{prefix}{name}", kind) for name, kind in added]
        if both := sorted(set(self.schema.names) & {one.name for one in fields}):
            raise StudyError(
                f"{self.name} has the columns {both} already, and the result would have them twice.\n"
                f"  To name those that are added otherwise, {advise('prefix', 'predicted_')}."
            )
        return pa.schema([*self.schema, *fields])

    def _array(self, values: list[Any], carried: pa.Field) -> pa.Array:
        if self.table.format == "jsonl" and pa.types.is_string(carried.type):
            is_text = str if carried.metadata != AS_JSON else ()
            values = [
                one if one is None or isinstance(one, is_text) else json.dumps(one, ensure_ascii=False)
                for one in values
            ]
        try:
            return pa.array(values, type=carried.type)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise StudyError(
                f"The column {carried.name!r} of type {carried.type} cannot be carried over ({error}).\n  Leave it out."
            ) from error


def _holds_texts(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


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
    with _working_folder(job.output) as folder:
        path, name = Path(job.source), job.source
        if job.source == STDIN:  # cannot be read twice
            path, name = folder / "input", "standard input"
            with atomic_write(path) as new, new.open("wb") as copy:
                shutil.copyfileobj(sys.stdin.buffer, copy)
        run = _Run(load, job, path, name, as_option)
        sizes = run.summary.parts
        parts = [folder / f"part-{number:06d}.parquet" for number in range(len(sizes))]
        _forget_others(folder, run.conditions())
        there = [_is_whole(part, size) for part, size in zip(parts, sizes, strict=True)]
        done = sum(size for size, is_there in zip(sizes, there, strict=True) if is_there)
        if done:
            logger.info("Going on: %s of %s rows are done already.", f"{done:,}", f"{run.summary.rows:,}")
        with progress_bar("Predicting", run.summary.rows - done, "rows") as bar:
            for number, table in run.tables(there, bar.update):
                with atomic_write(parts[number]) as new:
                    pq.write_table(table, new)
        run.check_unchanged()
        for part in parts:
            run.count(pq.read_metadata(part).metadata)
        with atomic_write(job.output) as new:
            write(new, run.schema, (pq.read_table(part, partitioning=None) for part in parts))
    return run.summary


def predict_table(load: Callable[[], Predictor], job: FileJob, advise: Advise) -> tuple[pa.Table, Summary]:
    """Predict every row of the source, and return the result: :func:`predict_file` without an output or a resumption.

    ``advise`` says in messages how a setting is given.
    """
    run = _Run(load, job, Path(job.source), job.source, advise)
    tables = [table for _, table in run.tables([False] * len(run.summary.parts))]
    for table in tables:
        run.count(table.schema.metadata)
    whole = pa.concat_tables(tables) if tables else run.schema.empty_table()
    return whole.cast(run.schema), run.summary


class _Run:
    """A file under way: looked through before the model is loaded, and then predicted chunk by chunk."""

    def __init__(self, load: Callable[[], Predictor], job: FileJob, path: Path, name: str, advise: Advise) -> None:
        if not path.is_file():
            raise StudyError(f"{name}: there is no such file (or it is a folder).")
        self._path, self._job = path, job
        self._remedy = f"  Put the row right; or, to keep such rows without a label, {advise('on_error', 'keep')}."
        self._stamp = self._stamped()
        table = open_table(Source.at(path, name), job.form, advise, job.format)
        self.texts = Texts(table, job.text_column, job.entity_column, advise)
        self.summary = self._survey()
        self.predictor = load()
        self.predictor.check_entities(job.entity_column is not None, advise("entity_column", "NAME"))
        labels = self.predictor.labels
        self.schema = self.texts.result_schema(labels, job.prefix, advise, with_error=job.on_error == "keep")

    def _survey(self) -> Summary:
        """Read all rows once: how many there are, in parts of which sizes, and which are faulty."""
        summary = Summary()
        for chunk in self.texts.chunks(self._job.part_rows):
            faults = [f"{chunk.place(index)}: {fault}" for index, fault in enumerate(chunk.faults) if fault is not None]
            if faults and self._job.on_error == "stop":
                raise StudyError(f"{self.texts.name}, {faults[0]}.\n{self._remedy}")
            summary.faulty += faults[: NAMED - len(summary.faulty)]
            summary.faults += len(faults)
            summary.rows += len(chunk.rows)
            summary.parts.append(len(chunk.rows))
        return summary

    def tables(self, there: list[bool], done: Callable[[int], object] = lambda rows: None) -> Iterator[tuple[int, Any]]:
        """Yield the number and the result of each chunk that is not there; its metadata say what is to be counted.

        A text that cleaning empties is at fault, which shows only here: the file is looked through without the model.
        """
        predictor = self.predictor
        for number, chunk in enumerate(self.texts.chunks(self._job.part_rows)):
            if there[number]:
                continue
            texts, entities = [text for text, _ in chunk.posts], [entity for _, entity in chunk.posts]
            inputs = predictor.inputs(texts, entities if predictor.reads_entities else None)
            if inputs.emptied.any() and self._job.on_error == "stop":
                sound = [index for index, fault in enumerate(chunk.faults) if fault is None]
                place = chunk.place(sound[int(inputs.emptied.argmax())])
                raise StudyError(f"{place}: {EMPTIED}.\n{self._remedy}")
            probabilities = predictor.probabilities_of(inputs, done)
            done(len(chunk.rows) - len(texts))
            probabilities[inputs.emptied] = np.nan
            account = {"truncated": int(inputs.truncated.sum()), "emptied": int(inputs.emptied.sum())}
            table = self.texts.with_predictions(chunk, self.schema, predictor.labels, probabilities)
            yield number, table.replace_schema_metadata({_ACCOUNT: json.dumps(account)})

    def count(self, metadata: dict[bytes, bytes]) -> None:
        """Add what is to be counted of a part."""
        account = json.loads(metadata[_ACCOUNT])
        self.summary.truncated += account["truncated"]
        self.summary.emptied += account["emptied"]
        self.summary.faults += account["emptied"]

    def conditions(self) -> str:
        """Return what must be the same for parts to be gone on from: file, settings, model, runtime and precision."""
        with self._path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        asked = asdict(self._job) | {"output": "", "source": sha256, "format": self.texts.table.format}
        model = hashlib.sha256(json.dumps(self.predictor.manifest, sort_keys=True).encode()).hexdigest()
        return json.dumps({"asked": asked, "model": model, "backend": self.predictor.description}, indent=2)

    def check_unchanged(self) -> None:
        """Refuse a file that was written to while it was read."""
        if self._stamped() != self._stamp:
            raise StudyError(f"{self._path} was changed while it was read; run the same command again.")

    def _stamped(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_size, found.st_mtime_ns


def _forget_others(folder: Path, conditions: str) -> None:
    """Throw away parts that were made from another file, model or setting."""
    record = folder / "record.json"
    found = record.read_text(encoding="utf-8") if record.is_file() else ""
    if found == conditions:
        return
    for stale in folder.glob("part-*"):
        stale.unlink()
    if found:
        logger.info("An interrupted run was about another file, model or setting: starting anew.")
    with atomic_write(record) as new:
        new.write_text(conditions, encoding="utf-8")


def _is_whole(part: Path, rows: int) -> bool:
    try:
        return bool(pq.read_metadata(part).num_rows == rows)
    except (OSError, pa.ArrowException):
        return False


@contextmanager
def _working_folder(output: Path) -> Iterator[Path]:
    """Give the folder of an output's parts; it is deleted when the block ends well, and kept when it does not."""
    folder = output.with_name(f".{output.name}.parts")
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StudyError(f"Another run is writing to {output}. Wait for its end, or name another output.") from None
    try:
        yield folder
        shutil.rmtree(folder)
    finally:
        lock.release()
