"""Files of any size through a predictor: read in chunks, written in parts, resumable, in constant memory."""

import hashlib
import json
import logging
import shutil
import sys
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from tweet_sentiment import addresses
from tweet_sentiment.data.lines import Advise, Source
from tweet_sentiment.data.records import CsvForm
from tweet_sentiment.data.tables import Format, open_table
from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor import remote
from tweet_sentiment.predictor.predictor import Predictor
from tweet_sentiment.predictor.scorer import ACCOUNT, Chunk, Scorer, Texts
from tweet_sentiment.predictor.writing import writer_for
from tweet_sentiment.progress import progress_bar
from tweet_sentiment.storage import atomic_write, is_address, sha256

logger = logging.getLogger(__name__)

STDIN = "-"
NAMED = 10  # faulty rows that are named one by one


@dataclass(frozen=True)
class FileJob:
    """What to read, how, and where to write the result.

    ``source`` is a path, an address (s3://…) or "-" for standard input; if ``format`` is None it is detected from the
    first bytes and the name. ``output`` is a path, or an address as a ``str``, whose parts are in the cache until it is
    whole. ``on_error`` keep: a faulty row stays, with an ``error`` and no label; stop: the first ends the run before
    anything is predicted. ``prefix`` stands before the names of the columns that are added. ``part_rows`` rows are
    written at a time: a killed run loses no more than these.
    """

    source: str
    output: str | Path
    text_column: str
    entity_column: str | None = None
    format: Format | None = None
    form: CsvForm = field(default_factory=CsvForm)
    on_error: Literal["keep", "stop"] = "keep"
    prefix: str = ""
    part_rows: int = 5000


@dataclass
class Summary:
    """Counts of the rows; ``faulty`` names the first faulty rows, ``parts`` are the sizes of the parts.

    ``by_worker``: the number of rows that each worker has done in this run.
    """

    rows: int = 0
    faults: int = 0
    truncated: int = 0
    emptied: int = 0
    faulty: list[str] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    by_worker: dict[str, int] = field(default_factory=dict)

    def count(self, metadata: dict[bytes, bytes]) -> None:
        """Add the counts of a part, as ``Scorer.score`` wrote them."""
        account = json.loads(metadata[ACCOUNT])
        self.truncated += account["truncated"]
        self.emptied += account["emptied"]
        self.faults += account["emptied"]


def predict_file(load: Callable[[], Predictor], job: FileJob) -> Summary:
    """Predict every row of the source and write the whole output; the same call resumes after a kill.

    The file is read once before the model is loaded, so that its errors are reported at once.

    Raises:
        StudyError: the source or the output cannot be, a row is faulty and ``on_error`` is stop, or the source was
            changed meanwhile.
    """
    output = _here(job.output)
    write = writer_for(output)
    same = remote.address_of(job.source) == remote.address_of(job.output)
    if same or output.resolve() == Path(job.source).resolve():
        raise StudyError(f"{job.output}: this is the file that is read; name another output.")
    with _working_folder(output) as folder:
        place, name = job.source, ""
        if job.source == STDIN:  # cannot be read twice
            place, name = str(folder / "input"), "standard input"
            with atomic_write(folder / "input") as new, new.open("wb") as copy:
                shutil.copyfileobj(sys.stdin.buffer, copy)
        reading = Reading(remote.source_at(place, name), job)
        scorer, summary = reading.scorer(load), reading.summary
        conditions = reading.conditions(scorer)
        parts = [folder / f"part-{conditions}-{number:06d}.parquet" for number in range(len(summary.parts))]
        if others := set(folder.glob("part-*")) - set(parts):
            logger.info("The interrupted run had another file, model or setting: starting again.")
        for other in others:
            other.unlink()
        there = {number for number, part in enumerate(parts) if _is_whole(part, summary.parts[number])}
        done = sum(summary.parts[number] for number in there)
        if done:
            logger.info("Resuming: %s of %s rows are done already.", f"{done:,}", f"{summary.rows:,}")
        with progress_bar("Predicting", summary.rows - done, "rows") as bar:
            for number, chunk in reading.chunks(there):
                with atomic_write(parts[number]) as new:
                    pq.write_table(scorer.score(chunk, bar.update), new)
        reading.check_unchanged()
        for part in parts:
            summary.count(pq.read_metadata(part).metadata)
        schema = pa.schema([*reading.texts.schema, *scorer.added])
        with atomic_write(output) as new:
            write(new, schema, (pq.read_table(part, partitioning=None) for part in parts))
        if is_address(job.output):
            with output.open("rb") as file:
                addresses.put(str(job.output), file)
            output.unlink()
    return summary


def _here(output: str | Path) -> Path:
    """Return where an output is assembled: in its place, or in the cache if the place is an address."""
    if not is_address(output):
        return Path(output)
    _, path = addresses.file_system(output)
    return addresses.cache() / "outputs" / sha256(str(output).encode())[:16] / PurePosixPath(path).name


def predict_table(load: Callable[[], Predictor], job: FileJob, advise: Advise) -> tuple[pa.Table, Summary]:
    """Predict every row of the source and return the result: ``predict_file`` without output file and resuming.

    ``advise`` says in messages how to give a setting.
    """
    reading = Reading(remote.source_at(job.source, advise=advise), job)
    scorer = reading.scorer(load)
    schema = pa.schema([*reading.texts.schema, *scorer.added])
    tables = [scorer.score(chunk) for _, chunk in reading.chunks(set())]
    for table in tables:
        reading.summary.count(table.schema.metadata)
    return pa.concat_tables([table.cast(schema) for table in tables] or [schema.empty_table()]), reading.summary


class Reading:
    """A file that is read once to its end before the model is loaded, and then chunk by chunk."""

    def __init__(self, source: Source, job: FileJob, survey: bool = True) -> None:
        self._source, self._job, self._version = source, job, source.version()
        self.texts = Texts(open_table(source, job.form, job.format), job.text_column, job.entity_column)
        self.summary = self._survey() if survey else Summary()

    def _survey(self) -> Summary:
        """Read all rows once; count them, the sizes of the parts, and the faulty rows."""
        summary = Summary()
        for chunk in self.texts.chunks(self._job.part_rows):
            if self._job.on_error == "stop":
                chunk.refuse(chunk.faults, self._source.advise)
            faults = [f"{chunk.place(index)}: {fault}" for index, fault in enumerate(chunk.faults) if fault is not None]
            summary.faulty += faults[: NAMED - len(summary.faulty)]
            summary.faults += len(faults)
            summary.rows += len(chunk.lines)
            summary.parts.append(len(chunk.lines))
        return summary

    def scorer(self, load: Callable[[], Predictor]) -> Scorer:
        """Load the model.

        Raises:
            StudyError: it cannot be, or does not go with the file's columns.
        """
        job = self._job
        scorer = Scorer(load, job.text_column, job.entity_column, job.prefix, job.on_error, self._source.advise)
        self.texts.refuse_columns(scorer.added)
        return scorer

    def chunks(self, there: Container[int]) -> Iterator[tuple[int, Chunk]]:
        """Yield each missing chunk, with its number."""
        for number, chunk in enumerate(self.texts.chunks(self._job.part_rows)):
            if number not in there:
                yield number, chunk

    def conditions(self, scorer: Scorer) -> str:
        """Return a hash of what all parts share: file, settings, model, runtime and precision."""
        opened: Any = self._source.open()
        with opened as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        asked = asdict(self._job) | {"output": "", "source": content, "format": self.texts.table.format}
        told = {"asked": asked, "model": scorer.predictor.manifest, "backend": scorer.predictor.description}
        return sha256(json.dumps(told, sort_keys=True).encode())[:16]

    def check_unchanged(self) -> None:
        """Refuse a file that changed while it was read."""
        if self._source.version() != self._version:
            raise StudyError(f"{self._source.name} was changed while it was read; run the same command again.")


def _is_whole(part: Path, rows: int) -> bool:
    try:
        return bool(pq.read_metadata(part).num_rows == rows)
    except (OSError, pa.ArrowException):
        return False


@contextmanager
def _working_folder(output: Path) -> Iterator[Path]:
    """Give the folder of an output's parts; it is kept where the block fails and has left some."""
    folder = output.with_name(f".{output.name}.parts")
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StudyError(f"Another run is writing to {output}. Wait until it ends, or name another output.") from None
    done = False
    try:
        yield folder
        done = True
    finally:
        if done or not any(folder.glob("part-*")):
            shutil.rmtree(folder)
        lock.release()
