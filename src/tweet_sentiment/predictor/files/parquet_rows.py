"""Rows of a Parquet file, with the types that it has."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor.files.rows import Row

ROWS_AT_A_TIME = 1000


class ParquetReader:
    """A Parquet file."""

    def __init__(self, path: Path, name: str, text_column: str, entity_column: str | None) -> None:
        self._path, self._text, self._entity = path, text_column, entity_column
        try:
            with pq.ParquetFile(path) as file:
                self.schema: pa.Schema = file.schema_arrow.remove_metadata()
        except pa.ArrowException as error:
            raise StudyError(f"{name}: this is no whole Parquet file ({error}).") from None
        if len(set(self.schema.names)) < len(self.schema.names):
            raise StudyError(f"{name}: a column stands in it twice; found {self.schema.names}.")
        for column in filter(None, (text_column, entity_column)):
            if column not in self.schema.names:
                raise StudyError(f"{name}: there is no column {column!r}; found {self.schema.names}.")
            if not _holds_texts(self.schema.field(column).type):
                raise StudyError(f"{name}: {column!r} holds {self.schema.field(column).type}, expected texts.")

    def rows(self) -> Iterator[Row]:
        """Yield each row; a missing text is a fault of its row."""
        with pq.ParquetFile(self._path, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=ROWS_AT_A_TIME):
                for row in batch.to_pylist():
                    text = row[self._text]
                    entity = "" if self._entity is None else row[self._entity]
                    size = sum(len(value) for value in row.values() if isinstance(value, str | bytes))
                    yield Row(None, list(row.values()), text, entity, characters=size)


def _holds_texts(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
