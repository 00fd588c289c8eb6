"""Kedro's own file datasets, made atomic: a failed or killed save leaves the old file as it was."""

from pathlib import Path, PurePosixPath
from typing import Any

from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets.plotly import JSONDataset as PlotlyDataset
from kedro_datasets.text import TextDataset

from tweet_sentiment.whole import written_whole


class _SavedWhole:
    """Save beside the file, then rename. The stock datasets truncate the file before they write it."""

    _filepath: PurePosixPath

    def save(self, data: Any) -> None:
        final = self._filepath
        with written_whole(Path(final)) as new:
            self._filepath = PurePosixPath(new)
            try:
                super().save(data)  # type: ignore[misc]
            finally:
                self._filepath = final


class Csv(_SavedWhole, CSVDataset):
    """A table people open."""


class Parquet(_SavedWhole, ParquetDataset):
    """A table between two nodes: texts come back as they were, "NaN" and line ends included."""


class Json(_SavedWhole, JSONDataset):
    """Figures, accounts, settings. With ``optional: true`` in the metadata, a missing file is an empty dictionary."""

    def load(self) -> Any:
        if (self.metadata or {}).get("optional") and not Path(self._filepath).exists():
            return {}
        return super().load()


class Plotly(_SavedWhole, PlotlyDataset):
    """A figure."""


class Text(_SavedWhole, TextDataset):
    """Markdown."""
