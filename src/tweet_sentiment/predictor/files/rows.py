"""What every kind of file is read into: chunks of rows, of bounded size."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from tweet_sentiment.data.checking import fault_of, fault_of_entity
from tweet_sentiment.errors import StudyError

CHARACTERS_A_CHUNK = 8_000_000  # long texts make shorter chunks, so that memory stays the same


@dataclass(frozen=True)
class Row:
    """One row: the line on which it begins (None where a file has no lines), its values, its text, and what is wrong.

    ``values`` are in the order of the file's columns, None for those that are not there. ``entity`` is "" where the
    file has none.
    """

    line: int | None
    values: list[Any]
    text: Any = None
    entity: Any = ""
    fault: str | None = None
    characters: int = 0


@dataclass(frozen=True)
class Chunk:
    """Rows ``first`` to ``first + len(rows) - 1`` of a file, counted from 1 without its header."""

    first: int
    rows: list[Row] = field(default_factory=list)

    def faults(self) -> list[str | None]:
        """Say of each row why it cannot be classified, or None."""
        return [row.fault or fault_of(row.text) or fault_of_entity(row.entity) for row in self.rows]

    def place(self, index: int) -> str:
        """Name a row for people."""
        line = self.rows[index].line
        return f"row {self.first + index}" + ("" if line is None else f" (line {line})")


class Reader(Protocol):
    """A file that can be read again and again: the columns that are carried over, and its rows, one after another."""

    schema: pa.Schema

    def rows(self) -> Iterator[Row]: ...


def chunks(rows: Iterable[Row], size: int) -> Iterator[Chunk]:
    """Put rows together, ``size`` at most; where a chunk ends depends on the file and ``size`` alone."""
    first, held, characters = 1, list[Row](), 0
    for row in rows:
        if held and (len(held) == size or characters + row.characters > CHARACTERS_A_CHUNK):
            yield Chunk(first, held)
            first, held, characters = first + len(held), [], 0
        held.append(row)
        characters += row.characters
    if held:
        yield Chunk(first, held)


def columns_of(chunk: Chunk, schema: pa.Schema) -> pa.Table:
    """Return the chunk's carried columns."""
    columns = zip(*(row.values for row in chunk.rows), strict=True)
    arrays = [_array(column, field) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(values: Sequence[Any], field: pa.Field) -> pa.Array:
    try:
        return pa.array(values, type=field.type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise StudyError(
            f"The column {field.name!r} of type {field.type} cannot be carried over ({error}).\n  Leave it out."
        ) from error
