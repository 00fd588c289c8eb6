"""Rows of a table through a model, Arrow in and Arrow out; files, requests, Ray and Spark all use it."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tweet_sentiment.data.cleaning import EMPTIED, fault_of, fault_of_entity
from tweet_sentiment.data.lines import Advise, Source, as_argument
from tweet_sentiment.data.records import Row
from tweet_sentiment.data.tables import AS_JSON, Table
from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor.predictor import Predictor, named
from tweet_sentiment.scoring.metrics import PROBABILITY

CHARACTERS_A_CHUNK = 8_000_000  # long texts make shorter chunks, so that memory stays the same
ACCOUNT = b"account"  # in the metadata of a scored table: how many texts were cut, and emptied by cleaning


@dataclass(frozen=True)
class Chunk:
    """Rows of a table and their faults; ``first`` is the number of the first row, from 1, not counting a header."""

    name: str
    first: int
    lines: Sequence[int | None]
    table: pa.Table
    """All columns of the rows, for the output."""
    faults: list[str | None]
    posts: list[tuple[str, str]]
    """Text and entity ("" if the table has none) of each row that can be classified."""

    def place(self, index: int) -> str:
        """Name a row for people."""
        line = self.lines[index]
        return f"row {self.first + index}" + ("" if line is None else f" (line {line})")

    def refuse(self, faults: Sequence[str | None], advise: Advise) -> None:
        """Refuse the first faulty row.

        Raises:
            StudyError: there is one.
        """
        for index, fault in enumerate(faults):
            if fault is not None:
                raise StudyError(
                    f"{self.name}, {self.place(index)}: {fault}.\n"
                    f"  Correct the row; or, to keep such rows without a label, {advise('on_error', 'keep')}."
                )

    def with_predictions(self, fields: list[pa.Field], labels: list[str], answers: NDArray[np.float64]) -> pa.Table:
        """Return the rows with label, probabilities and error, as ``fields`` name them.

        ``answers`` are the probabilities of ``posts``, of shape (posts, labels); a row of NaN is a text that cleaning
        has emptied.
        """
        shares = np.full((len(self.faults), len(labels)), np.nan)
        shares[[fault is None for fault in self.faults]] = answers
        unknown = np.isnan(shares).any(axis=1)
        added: list[Any] = [named(labels, shares), *(pa.array(column, mask=unknown) for column in shares.T)]
        added.append([fault or (EMPTIED if lost else None) for fault, lost in zip(self.faults, unknown, strict=True)])
        arrays = [pa.array(values, type=field.type) for values, field in zip(added, fields, strict=False)]
        return pa.Table.from_arrays([*self.table.columns, *arrays], schema=pa.schema([*self.table.schema, *fields]))


class Texts:
    """The texts of a table, and the columns that the output keeps."""

    def __init__(self, table: Table, text_column: str, entity_column: str | None) -> None:
        self.table, self.schema, self.name, self._advise = table, table.schema, table.source.name, table.source.advise
        names = self.schema.names
        if twice := sorted({name for name in names if names.count(name) > 1}):
            hint = f"; or, if the file has no header, {self._advise('header', 'false')}" if table.form else ""
            raise StudyError(f"{self.name}: its columns are named {twice} twice.\n  Rename one{hint}.")
        self._columns = [table.place_of(one) for one in (text_column, entity_column) if one is not None]
        for column in self._columns:
            kind = self.schema.field(column).type
            if table.format == "jsonl":  # a value that is no text is a fault of its row
                self.schema = self.schema.set(column, pa.field(names[column], pa.string()))
            elif not _holds_texts(kind):
                raise StudyError(f"{self.name}: {names[column]!r} holds {kind}, expected texts.")
        table.report_findings()

    def refuse_columns(self, added: list[pa.Field]) -> None:
        """Refuse a table that already has a column which would be added.

        Raises:
            StudyError: it has.
        """
        if both := sorted(set(self.schema.names) & {one.name for one in added}):
            raise StudyError(
                f"{self.name} has the columns {both} already, and the result would have them twice.\n"
                f"  To give the added columns other names, {self._advise('prefix', 'predicted_')}."
            )

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Yield the rows in chunks of at most ``size``; the chunks depend only on the file and ``size``."""
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
        """Return rows as a chunk, with the reason why a row cannot be classified, or None."""
        columns = [[row.values[place] for row in rows] for place in range(len(self.schema))]
        arrays = [self._array(values, field) for values, field in zip(columns, self.schema, strict=True)]
        table, given = pa.Table.from_arrays(arrays, schema=self.schema), [columns[place] for place in self._columns]
        return self._chunk(table, given, [row.fault for row in rows], first, [row.line for row in rows])

    def whole(self, table: pa.Table) -> Chunk:
        """Return a table of these columns as one chunk."""
        given, none = [table.column(column).to_pylist() for column in self._columns], [None] * len(table)
        return self._chunk(table, given, none, 1, none)

    def _chunk(
        self, table: pa.Table, given: list[list[Any]], found: Sequence[str | None], first: int, lines: Sequence[Any]
    ) -> Chunk:
        pairs = list(zip(given[0], given[-1] if len(given) > 1 else [""] * len(table), strict=True))
        faults = [
            fault or fault_of(text) or fault_of_entity(entity)
            for fault, (text, entity) in zip(found, pairs, strict=True)
        ]
        posts = [pair for pair, fault in zip(pairs, faults, strict=True) if fault is None]
        return Chunk(self.name, first, lines, table, faults, posts)

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


def added_fields(labels: list[str], prefix: str = "", with_error: bool = True) -> list[pa.Field]:
    """Return the columns that a result adds to its rows: label, probabilities, and error if wanted."""
    added = [("label", pa.string()), *((f"{PROBABILITY}{label}", pa.float64()) for label in labels)]
    return [pa.field(f"{prefix}{name}", kind) for name, kind in [*added, *[("error", pa.string())] * with_error]]


@dataclass
class Scorer:
    """A model for tables of posts. It is pickled without the model, which each process loads once.

    ``load`` returns the predictor: ``partial(Predictor.load, "models/best")``. ``prefix`` is put before the names of
    added columns. ``on_error`` keep: a faulty row stays, with an ``error`` and no label; stop: it is an error.
    ``advise`` says in messages how to give a setting.
    """

    load: Callable[[], Predictor]
    text_column: str
    entity_column: str | None = None
    prefix: str = ""
    on_error: Literal["keep", "stop"] = "keep"
    advise: Advise = as_argument

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "predictor"}

    @cached_property
    def predictor(self) -> Predictor:
        """The model; the first access loads it.

        Raises:
            StudyError: it cannot be loaded, or it reads entities and no column is named, or the reverse.
        """
        predictor = self.load()
        predictor.check_entities(self.entity_column is not None, self.advise("entity_column", "NAME"))
        return predictor

    @property
    def added(self) -> list[pa.Field]:
        """The columns that are added."""
        return added_fields(self.predictor.labels, self.prefix, self.on_error == "keep")

    def __call__(self, table: pa.Table | pa.RecordBatch) -> pa.Table:
        """Return the table with added columns for label, probabilities and error.

        Raises:
            StudyError: a column is missing, holds no texts or is there already; a row is faulty, if ``on_error`` is
                stop.
        """
        table = pa.Table.from_batches([table]) if isinstance(table, pa.RecordBatch) else table
        columns = Table(Source.of("The table", b"", self.advise), table.schema.remove_metadata())
        texts = Texts(columns, self.text_column, self.entity_column)
        texts.refuse_columns(self.added)
        return self.score(texts.whole(table)).replace_schema_metadata(table.schema.metadata)

    def score(self, chunk: Chunk, done: Callable[[int], object] = lambda rows: None) -> pa.Table:
        """Return the result of a chunk, with its counts as metadata; ``done`` is called with the progress."""
        predictor = self.predictor
        texts, entities = [text for text, _ in chunk.posts], [entity for _, entity in chunk.posts]
        inputs = predictor.inputs(texts, entities if predictor.reads_entities else None)
        if self.on_error == "stop":
            emptied = iter(inputs.emptied)
            chunk.refuse([fault or (EMPTIED if next(emptied) else None) for fault in chunk.faults], self.advise)
        answers = predictor.probabilities_of(inputs, done)
        done(len(chunk.table) - len(texts))
        answers[inputs.emptied] = np.nan
        account = {"truncated": int(inputs.truncated.sum()), "emptied": int(inputs.emptied.sum())}
        table = chunk.with_predictions(self.added, predictor.labels, answers)
        return table.replace_schema_metadata({ACCOUNT: json.dumps(account)})


def score_frame(frame: Any, scorer: Scorer) -> Any:
    """Return a Spark DataFrame with added columns for label, probabilities and error.

    ``frame`` is a ``pyspark.sql.DataFrame``; each of Spark's Python processes loads the model once.
    """

    def scored(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from scorer(batch).to_batches()

    schema = deepcopy(frame.schema)
    for field in scorer.added:
        schema.add(field.name, str(field.type))
    return frame.mapInArrow(scored, schema)
