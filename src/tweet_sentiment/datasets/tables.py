"""Kedro's own file datasets, made atomic: a failed or killed save leaves the old file as it was."""

from collections.abc import Callable
from csv import QUOTE_NONNUMERIC
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import pandas as pd
from kedro_datasets._typing import HTMLPreview, PlotlyPreview
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets.partitions import PartitionedDataset
from kedro_datasets.plotly import JSONDataset as PlotlyDataset
from kedro_datasets.text import TextDataset

from tweet_sentiment.datasets.previews import (
    LINES,
    NOT_MADE,
    ROWS,
    Previewed,
    described,
    escape,
    facts_of,
    lines_of,
    listing,
    summary_of,
    table,
)
from tweet_sentiment.storage import atomic_write

# The stock datasets leave the encoding of what they write to the locale.
UTF_8 = {
    "open_args_save": {"mode": "w", "encoding": "utf-8"},
    "open_args_load": {"mode": "r", "encoding": "utf-8"},
}


class _SavedWhole:
    """Save beside the file, then rename. The stock datasets truncate the file before they write it."""

    _filepath: PurePosixPath

    def save(self, data: Any) -> None:
        final = self._filepath
        with atomic_write(Path(final)) as new:
            self._filepath = PurePosixPath(new)
            try:
                super().save(data)  # type: ignore[misc]
            finally:
                self._filepath = final


class _Optional:
    """With ``optional: true`` in the metadata, a missing file is empty: reporting takes what there is."""

    _filepath: PurePosixPath
    metadata: Any
    EMPTY: type

    def load(self) -> Any:
        if (self.metadata or {}).get("optional") and not Path(self._filepath).exists():
            return self.EMPTY()
        return super().load()  # type: ignore[misc]


TEXTS = {  # columns whose values are texts, whatever they look like
    *("id", "entity", "label", "predicted", "post", "grouping", "group"),
    *("kind", "validation_text", "training_text", "validation_label", "training_label"),
    *("technique", "encoder", "first", "second", "better", "variant", "reference", "hard_prompt", "prompt"),
}


class Csv(_SavedWhole, _Optional, Previewed, CSVDataset):
    """A table people open. An empty one keeps its columns, and texts come back as they were.

    An empty cell is a missing value, in the columns ``TEXTS`` an empty text; "NA", "null" and "None" are texts.
    """

    EMPTY = pd.DataFrame
    DEFAULT_FS_ARGS = UTF_8
    DEFAULT_LOAD_ARGS: ClassVar[dict[str, Any]] = {
        "keep_default_na": False,
        "na_values": [""],
        "dtype": dict.fromkeys(TEXTS, "str"),
    }
    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {"index": False, "quoting": QUOTE_NONNUMERIC}  # a lone CR is quoted

    def load(self) -> pd.DataFrame:
        found: pd.DataFrame = super().load()
        return found.fillna({name: "" for name in found.columns if name in TEXTS})

    def glimpse(self) -> str:
        return table(self.load().head(ROWS))


class Parquet(_SavedWhole, _Optional, Previewed, ParquetDataset):
    """A table between two nodes: texts come back as they were, "NaN" and line ends included."""

    EMPTY = pd.DataFrame

    def glimpse(self) -> str:
        return table(pd.read_parquet(Path(self._filepath)).head(ROWS))


class Json(_SavedWhole, _Optional, Previewed, JSONDataset):
    """Figures, accounts, settings."""

    EMPTY = dict
    DEFAULT_FS_ARGS = UTF_8

    def glimpse(self) -> str:
        return facts_of(Path(self._filepath))


class Plotly(_SavedWhole, PlotlyDataset):
    """A figure. Its title says what it shows; before it is made, kedro-viz says what it will be."""

    def preview(self) -> PlotlyPreview:
        if not Path(self._filepath).exists():
            return PlotlyPreview(
                {"data": [], "layout": {"title": {"text": f"Not made yet: {described(self.metadata)}"}}}
            )
        return super().preview()


class Text(_SavedWhole, Previewed, TextDataset):
    """Markdown, or a page: of a report its summary is shown."""

    DEFAULT_FS_ARGS = UTF_8

    def glimpse(self) -> str:
        path = Path(self._filepath)
        return summary_of(path) if path.suffix == ".html" else lines_of(path)


class Partitions(PartitionedDataset):
    """The same file of every protocol or technique, by "<protocol>/<technique>"; none is an empty dictionary.

    What lies in hidden folders is no partition: there are the records of what the files were made of.
    """

    def load(self) -> dict[str, Callable[[], Any]]:
        self._invalidate_caches()
        return super().load() if self._list_partitions() else {}

    def preview(self) -> HTMLPreview:
        """Name the partitions that are there, for kedro-viz."""
        names = sorted(self.files())
        shown = listing([*names[:LINES], *([f"and {len(names) - LINES} more"] if len(names) > LINES else [])])
        return HTMLPreview(f"<p>{escape(described(self.metadata))}</p>{shown if names else NOT_MADE}")

    def files(self) -> dict[str, Path]:
        """Return the file of each partition that is there now."""
        self._invalidate_caches()
        return {self._path_to_partition(path): Path(path) for path in self._list_partitions()}

    def holds(self, path: Path) -> bool:
        """Tell whether a file would be one of the partitions."""
        if not path.is_relative_to(self._normalized_path) or not str(path).endswith(self._filename_suffix):
            return False
        return not any(part.startswith(".") for part in path.relative_to(self._normalized_path).parts)

    def _list_partitions(self) -> list[str]:
        return [path for path in super()._list_partitions() if self.holds(Path(path))]
