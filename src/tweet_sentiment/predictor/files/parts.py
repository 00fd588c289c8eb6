"""Parts of a result, each written whole into a folder beside the output, so that a killed run goes on from them."""

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from tweet_sentiment.errors import StudyError
from tweet_sentiment.storage import atomic_write

logger = logging.getLogger(__name__)

RECORD = "record.json"
ACCOUNT = "account"


class Parts:
    """The parts in a folder; those that were made from another file, model or setting are thrown away."""

    def __init__(self, folder: Path, conditions: dict[str, Any]) -> None:
        self._folder, record = folder, folder / RECORD
        found = record.read_text(encoding="utf-8") if record.is_file() else None
        wanted = json.dumps(conditions, indent=2, sort_keys=True)
        if found == wanted:
            return
        for stale in folder.glob("part-*"):
            stale.unlink()
        if found is not None:
            logger.info("An interrupted run was about another file, model or setting: starting anew.")
        with atomic_write(record) as new:
            new.write_text(wanted, encoding="utf-8")

    def path(self, number: int) -> Path:
        """Return where a part is kept."""
        return self._folder / f"part-{number:06d}.parquet"

    def has(self, number: int, rows: int) -> bool:
        """Tell whether a part is there and whole."""
        try:
            return bool(pq.read_metadata(self.path(number)).num_rows == rows)
        except (OSError, pa.ArrowException):
            return False

    def write(self, number: int, table: pa.Table, account: dict[str, int]) -> None:
        """Keep a part, and what is to be counted of it."""
        with atomic_write(self.path(number)) as new:
            pq.write_table(table.replace_schema_metadata({ACCOUNT: json.dumps(account)}), new)

    def read(self, count: int) -> Iterator[pa.Table]:
        """Yield the first ``count`` parts, one at a time."""
        for number in range(count):
            yield pq.read_table(self.path(number), partitioning=None)

    def accounts(self, count: int) -> Iterator[dict[str, int]]:
        """Yield what is to be counted of each part."""
        for number in range(count):
            yield json.loads(pq.read_metadata(self.path(number)).metadata[ACCOUNT.encode()])


@contextmanager
def working_folder(output: Path) -> Iterator[Path]:
    """Give the folder of an output's parts; it is deleted when the block ends well, and kept when it does not.

    Raises:
        StudyError: another run is writing to the same output.
    """
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
