"""Our own Kedro datasets: an incomplete save keeps the old file, and kedro-viz shows a preview."""

import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from csv import QUOTE_NONNUMERIC
from functools import wraps
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from kedro.io import AbstractDataset
from kedro_datasets._typing import JSONPreview  # as kedro-viz's documentation says: it knows a preview by this name
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets.partitions import PartitionedDataset
from kedro_datasets.plotly import JSONDataset as PlotlyDataset
from kedro_datasets.text import TextDataset
from numpy.typing import NDArray

from tweet_sentiment.addresses import fetch, fetch_all, shown, written
from tweet_sentiment.best_model import Promotion, promote
from tweet_sentiment.data.lines import Source
from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import (
    CLASSICAL,
    ENSEMBLE,
    MANIFEST,
    MEMBERS,
    Ensemble,
    checked_manifest,
    format_of,
    read_manifest,
)
from tweet_sentiment.storage import restore

# The stock datasets leave the encoding of what they write to the locale.
UTF_8 = {
    "open_args_save": {"mode": "w", "encoding": "utf-8"},
    "open_args_load": {"mode": "r", "encoding": "utf-8"},
}
TEXTS = {  # columns whose values are texts, whatever they look like
    *("id", "entity", "label", "predicted", "post", "grouping", "group"),
    *("kind", "validation_text", "training_text", "validation_label", "training_label"),
    *("technique", "encoder", "first", "second", "better", "variant", "reference", "hard_prompt", "prompt"),
}


def _once_made(preview: Callable[..., Any]) -> Callable[..., Any]:
    """Return the preview of a Kedro dataset, without its warning about a missing file."""

    @wraps(preview)
    def shown(dataset: Any, *args: Any, **options: Any) -> Any:
        return preview(dataset, *args, **options) if Path(dataset._filepath).exists() else None

    return shown


class _Atomic:
    """A Kedro dataset that saves beside its file and then renames; Kedro's own would truncate the file first.

    With ``optional: true`` in the metadata a missing file loads as an empty ``EMPTY``. With ``versioned: true`` each
    run keeps its own file, as in Kedro's datasets.
    """

    _filepath: PurePosixPath
    _version: Any
    _get_load_path: Callable[[], PurePosixPath]
    _get_save_path: Callable[[], PurePosixPath]
    _clear_version_cache: Callable[[], None]
    metadata: Any
    EMPTY: type = dict

    def load(self) -> Any:
        if not self.exists() and (self.metadata or {}).get("optional"):  # type: ignore[attr-defined]
            return self.EMPTY()
        return super().load()  # type: ignore[misc]

    def _exists(self) -> bool:
        if self._version:
            fetch_all(Path(self._filepath), f"*/{self._filepath.name}")
        return fetch(Path(self._get_load_path())).exists()

    def save(self, data: Any) -> None:
        place, version = self._filepath, self._version
        if version and Path(place).is_file():
            raise StudyError(
                f"{place} is a file, and the catalog says that it is versioned, which makes it a folder.\n"
                f"  Move it away, or to {place}/<version>/{place.name}."
            )
        with written(Path(self._get_save_path())) as new:
            self._filepath, self._version = PurePosixPath(new), None
            try:
                super().save(data)  # type: ignore[misc]
            finally:
                self._filepath, self._version = place, version
        self._clear_version_cache()


class Csv(_Atomic, CSVDataset):
    """A table that people open. An empty table keeps its columns, and texts do not change.

    An empty cell is a missing value, or an empty text in the columns ``TEXTS``; "NA", "null" and "None" are texts.
    """

    EMPTY = pd.DataFrame
    DEFAULT_FS_ARGS = UTF_8
    DEFAULT_LOAD_ARGS: ClassVar[dict[str, Any]] = {
        "keep_default_na": False,
        "na_values": [""],
        "dtype": dict.fromkeys(TEXTS, "str"),
    }
    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {"index": False, "quoting": QUOTE_NONNUMERIC}  # a lone CR is quoted
    preview = _once_made(CSVDataset.preview)

    def load(self) -> pd.DataFrame:
        found: pd.DataFrame = super().load()
        return found.fillna({name: "" for name in found.columns if name in TEXTS})


class Parquet(_Atomic, ParquetDataset):
    """A table between two nodes: texts do not change, including "NaN" and line ends."""

    EMPTY = pd.DataFrame
    preview = _once_made(ParquetDataset.preview)


class Json(_Atomic, JSONDataset):
    """Figures, counts, settings."""

    DEFAULT_FS_ARGS = UTF_8
    preview = _once_made(JSONDataset.preview)


class Plotly(_Atomic, PlotlyDataset):
    """A figure."""

    preview = _once_made(PlotlyDataset.preview)


class Text(_Atomic, TextDataset):
    """Markdown, or a page."""

    DEFAULT_FS_ARGS = UTF_8


def _place(file: Path) -> Path:
    """Return the path by which the catalog names a file: of one version of a dataset, the folder of its versions."""
    folder = file.parent.parent
    return folder if folder.name == file.name else file


def _newest(place: Path) -> Path:
    """Return the file to load of a path in the catalog."""
    return max(place.glob(f"*/{place.name}"), default=place)


class Partitions(PartitionedDataset):
    """The same file of every protocol or technique, by "<protocol>/<technique>"; an empty dictionary if there is none.

    ``only``: these alone; null: all. Hidden folders are not partitions: they hold the records of the files' inputs.
    """

    def __init__(self, *, only: list[str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.only = only

    def load(self) -> dict[str, Callable[[], Any]]:
        self._invalidate_caches()
        return super().load() if self._list_partitions() else {}

    def files(self) -> dict[str, Path]:
        """Return the file of each partition that is there now."""
        self._invalidate_caches()
        return {self._path_to_partition(path): Path(path) for path in self._list_partitions()}

    def holds(self, path: Path) -> bool:
        """Tell whether a file would be one of the partitions, or a folder would hold one."""
        file = path if path.suffix else path / PurePosixPath(self._filename_suffix).name
        if not file.is_relative_to(self._normalized_path) or not file.as_posix().endswith(self._filename_suffix):
            return False
        name = file.relative_to(self._normalized_path).as_posix().removesuffix(self._filename_suffix)
        hidden = any(part.startswith(".") for part in name.split("/"))
        return not hidden and (self.only is None or name in self.only)

    def _list_partitions(self) -> list[str]:
        fetch_all(Path(self._path), f"**{self._filename_suffix}")
        places = {_place(Path(path)) for path in super()._list_partitions()}
        return [str(_newest(place)) for place in sorted(places) if self.holds(place)]

    def _path_to_partition(self, path: str) -> str:
        return super()._path_to_partition(str(_place(Path(path))))


class RunFiles(Partitions):
    """The tables and figures of a run, by path: "<protocol>/<technique>/<file>"; each is loaded when needed.

    ``patterns`` and ``excluded`` are globs below ``path``, in which ``{run}`` is the run. The files ``MEASURED`` of
    ``other_runs`` are "<protocol>/<technique> (<other run>)/<file>".
    """

    MEASURED = ("metrics.json", "predictions.parquet", "seeds.csv", MANIFEST)

    def __init__(
        self,
        *,
        path: str,
        run: str,
        patterns: list[str],
        excluded: str = "",
        other_runs: Sequence[str] = (),
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(path=path, dataset=f"{__name__}.Json", metadata=metadata)
        self._run, self._other_runs = run, other_runs
        self._patterns = [pattern.format(run=one) for one in (run, *other_runs) for pattern in patterns]
        self._excluded = excluded.format(run=run)

    def load(self) -> dict[str, Callable[[], Any]]:
        kinds: dict[str, Any] = {".csv": Csv, ".json": Json, ".parquet": Parquet}
        return {name: kinds[path.suffix](filepath=str(path)).load for name, path in self.files().items()}

    def files(self) -> dict[str, Path]:
        root = Path(self._path)
        for pattern in self._patterns:
            for one in (pattern, f"{pattern}/*/{PurePosixPath(pattern).name}"):  # the second for versions
                fetch_all(root, one)
        found = [path for pattern in self._patterns for path in sorted(root.glob(pattern)) if self.holds(path)]
        named = {path: self._name(*path.relative_to(root).parts[1:]) for path in found}
        return {name: _newest(path) for path, name in named.items() if name}

    def _name(self, run: str, *parts: str) -> str:
        if run == self._run:
            return "/".join(parts)
        if len(parts) != 3 or parts[2] not in self.MEASURED:
            return ""
        protocol, technique, file = parts
        return f"{protocol}/{technique} ({run})/{file}"

    def holds(self, path: Path) -> bool:
        file = path if path.suffix else path / MANIFEST
        hidden = {part for part in file.parts[-3:] if part.startswith(".")}
        left_out = self._excluded and file.match(str(Path(self._path) / self._excluded))
        return not left_out and any(
            hidden <= {*pattern.split("/")} and file.match(str(Path(self._path) / pattern))
            for pattern in self._patterns
        )


class FilePath(AbstractDataset[Any, Any]):
    """A file or folder of this machine, which the node itself reads.

    If a parameter sets ``filepath`` to null, the file counts as missing.
    """

    def __init__(self, filepath: str | None, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath or os.devnull)
        self.metadata = metadata

    def load(self) -> Any:
        return fetch(self._filepath)

    def save(self, data: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__} is not written by the catalog")

    def _exists(self) -> bool:
        return fetch(self._filepath).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": shown(self._filepath)}


class RawBytes(FilePath):
    """An original file. A missing file is passed on, since its reader can say where to get it."""

    def load(self) -> Source:
        path = fetch(self._filepath)
        return Source.of(shown(self._filepath), path.read_bytes() if path.is_file() else None)

    def _exists(self) -> bool:
        return True


class Written(FilePath):
    """A file or folder that is replaced only by a complete one."""

    def load(self) -> Any:
        restore(fetch(self._filepath))
        return self._read(self._filepath)

    def save(self, data: Any) -> None:
        with written(self._filepath) as new:
            self._write(data, new)

    @abstractmethod
    def _read(self, path: Path) -> Any: ...

    @abstractmethod
    def _write(self, data: Any, path: Path) -> None: ...


class ArrowTable(Written):
    """A table in Parquet, with the types of its source file."""

    def _read(self, path: Path) -> Any:
        import pyarrow.parquet as pq

        return pq.read_table(path, partitioning=None)

    def _write(self, data: Any, path: Path) -> None:
        import pyarrow.parquet as pq

        pq.write_table(data, path)


class Array(Written):
    """A NumPy array, memory-mapped on loading; never a pickle."""

    def _read(self, path: Path) -> NDArray[Any]:
        return np.load(path, mmap_mode="r", allow_pickle=False)

    def _write(self, data: NDArray[Any], path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, data, allow_pickle=False)


class Tokens(Written):
    """A Hugging Face ``datasets.Dataset`` in Arrow, a folder."""

    def _read(self, path: Path) -> Any:
        from datasets import load_from_disk

        return load_from_disk(str(path))

    def _write(self, data: Any, path: Path) -> None:
        data.save_to_disk(str(path))


class ModelPath(FilePath):
    """A model folder, exported or not, which the predictor loads."""

    def preview(self) -> JSONPreview:
        manifest = self._filepath / MANIFEST
        return JSONPreview(manifest.read_text(encoding="utf-8") if manifest.is_file() else "{}")


class ModelFolder(Written, ModelPath):
    """A model in Hugging Face's layout, a classical one or an ensemble, with ``manifest.json``; checked on loading.

    ``filepath`` is the folder or its manifest.
    """

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        path = Path(filepath)
        super().__init__(str(path.parent if path.name == MANIFEST else path), metadata)

    def _read(self, path: Path) -> Any:
        kind = format_of(read_manifest(path), path)
        if kind == CLASSICAL:
            from tweet_sentiment.classical import load_classical

            return load_classical(path)
        if kind == ENSEMBLE:
            manifest = checked_manifest(path)
            return Ensemble(list(manifest[MEMBERS]), manifest)
        from tweet_sentiment.modeling.model_folder import load_model

        return load_model(path)

    def _write(self, data: Any, path: Path) -> None:
        data.save(path)


class BestModel(ModelFolder):
    """The run's best model: saving a promotion copies a technique's folder from ``models``, unless it is empty.

    The previous model is kept beside it; see ``best_model.bring_back``.
    """

    def __init__(self, filepath: str, models: str, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(filepath, metadata)
        self._models = Path(models)

    def save(self, data: Promotion) -> None:
        promote(data, self._models, fetch(self._filepath))
