"""Datasets that no library has: raw bytes, arrays, tokens, model folders and working folders."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from kedro.io import AbstractDataset
from numpy.typing import NDArray

from tweet_sentiment.best_model import Promotion, promote
from tweet_sentiment.data.lines import RawFile
from tweet_sentiment.datasets.previews import NOT_MADE, ROWS, Previewed, facts, facts_of, listing, table
from tweet_sentiment.manifests import CLASSICAL, ENSEMBLE, MEMBERS, Ensemble, checked_manifest, format_of, read_manifest
from tweet_sentiment.storage import atomic_write, restore


class _OnDisk(Previewed, AbstractDataset[Any, Any]):
    """What the datasets below share: one path in the catalog."""

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}

    def _exists(self) -> bool:
        return self._filepath.exists()

    def save(self, data: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__} is not written by the catalog")


class _GivenFile(_OnDisk):
    """A file that a parameter names; one that is null is a file that is not there."""

    def __init__(self, filepath: str | None, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(filepath or os.devnull, metadata)


class RawBytes(_GivenFile):
    """A file as it came. A missing one is handed on as such: whoever reads it knows where it is found."""

    def load(self) -> RawFile:
        return RawFile.at(self._filepath)

    def _exists(self) -> bool:
        return True


class FilePath(_GivenFile):
    """A file that is too large to be handed on: whoever reads it takes it in chunks."""

    def load(self) -> Path:
        return self._filepath


class ArrowTable(_OnDisk):
    """A table in Parquet, with the types of the file that it comes from."""

    def load(self) -> Any:
        import pyarrow.parquet as pq

        return pq.read_table(self._filepath, partitioning=None)

    def save(self, data: Any) -> None:
        import pyarrow.parquet as pq

        with atomic_write(self._filepath) as new:
            pq.write_table(data, new)

    def glimpse(self) -> str:
        import pyarrow.parquet as pq

        return table(next(pq.ParquetFile(self._filepath).iter_batches(ROWS)).to_pandas())


class Array(_OnDisk):
    """A NumPy array, memory-mapped on loading; never a pickle."""

    def load(self) -> NDArray[Any]:
        return np.load(self._filepath, mmap_mode="r", allow_pickle=False)

    def save(self, data: NDArray[Any]) -> None:
        with atomic_write(self._filepath) as new, new.open("wb") as file:
            np.save(file, data, allow_pickle=False)

    def glimpse(self) -> str:
        array = self.load()
        return facts({"shape": array.shape, "type": str(array.dtype)})


class Tokens(_OnDisk):
    """A Hugging Face ``datasets.Dataset`` in Arrow. The folder is replaced, never written into while it is open."""

    def load(self) -> Any:
        from datasets import load_from_disk

        restore(self._filepath)
        return load_from_disk(str(self._filepath))

    def save(self, data: Any) -> None:
        with atomic_write(self._filepath) as new:
            data.save_to_disk(str(new))

    def glimpse(self) -> str:
        tokens = self.load()
        return facts({"posts": len(tokens)}) + table(tokens.select(range(min(ROWS, len(tokens)))).to_pandas())


class _WithManifest(_OnDisk):
    def glimpse(self) -> str:
        manifest = self._filepath / "manifest.json"
        return facts_of(manifest) if manifest.is_file() else NOT_MADE


class ModelFolder(_WithManifest):
    """A model in Hugging Face's layout with ``manifest.json``; checked on loading."""

    def load(self) -> Any:
        restore(self._filepath)
        kind = format_of(read_manifest(self._filepath), self._filepath)
        if kind == CLASSICAL:
            from tweet_sentiment.classical import load_classical

            return load_classical(self._filepath)
        if kind == ENSEMBLE:
            manifest = checked_manifest(self._filepath)
            return Ensemble(list(manifest[MEMBERS]), manifest)
        from tweet_sentiment.modeling.model_folder import load_model

        return load_model(self._filepath)

    def save(self, data: Any) -> None:
        with atomic_write(self._filepath) as new:
            data.save(new)


class ClassicalFolder(ModelFolder):
    """The folder of a classical model: no encoder, and small."""


class EnsembleFolder(ModelFolder):
    """The folder of an ensemble: it names the folders of its members, which lie beside it."""


class BestModel(ModelFolder):
    """The run's best model: saving a promotion copies a technique's folder from ``models``; one of nothing leaves it.

    The model before it is kept beside it; see :func:`tweet_sentiment.best_model.bring_back`.
    """

    def __init__(self, filepath: str, models: str, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(filepath, metadata)
        self._models = Path(models)

    def save(self, data: Promotion) -> None:
        promote(data, self._models, self._filepath)


class ModelFolders(_OnDisk):
    """The model folders below a folder, by name: each a function that loads the model."""

    def load(self) -> dict[str, Callable[[], Any]]:
        from tweet_sentiment.modeling.model_folder import load_model

        folders = sorted(self._filepath.glob("*/manifest.json"))
        return {path.parent.name: partial(load_model, path.parent) for path in folders}

    def _exists(self) -> bool:
        return True

    def glimpse(self) -> str:
        return listing(sorted(path.parent.name for path in self._filepath.glob("*/manifest.json")))


class ModelPath(_WithManifest):
    """A model folder as it lies there, exported or not: the predictor loads it, as it does everywhere."""

    def load(self) -> Path:
        return self._filepath


class WorkingFolder(_OnDisk):
    """Where work that must survive a kill is kept: the search's database, checkpoints."""

    def load(self) -> Path:
        self._filepath.mkdir(parents=True, exist_ok=True)
        return self._filepath

    def _exists(self) -> bool:
        return True

    def glimpse(self) -> str:
        return listing(sorted(path.name for path in self._filepath.iterdir()))
