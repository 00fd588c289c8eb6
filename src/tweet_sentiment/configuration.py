"""How ``conf`` is read: later layers win key by key, and a map of another form replaces the one below it whole."""

import re
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from omegaconf import OmegaConf
from pydantic import BaseModel

from tweet_sentiment.parameters.maps import without_replaced
from tweet_sentiment.schema import Conf

OF_THE_PROJECT = ("sample_training.csv", "sample_validation.csv", "twitter_training.csv", "twitter_validation.csv")
OF_THE_ENVIRONMENTS = ("sample", "kaggle", "paper", "test")  # runs; a file of one's own never lands among their results


class ConfigLoader(OmegaConfigLoader):
    """Kedro's loader, with two rules of our own.

    Parameters of ``conf/base``, then of the environment, then of ``--params`` are merged key by key, as Kedro's soft
    merge does; but where a map has no keys of its own (names of variants, techniques, labels), or is one of several
    models (a pruner), a later one replaces the earlier; see :func:`without_replaced`. And the catalog may read a
    parameter: ``${parameter:data.training_file}``, so that each is said in one place. ``${configured:}`` is all
    parameters as ``conf`` says them, without ``--params``.

    What ``conf/base`` says of the project's own files does not hold of another: for that, :func:`of_another_file` takes
    its place, and the environment and ``--params`` say what it does not find out.
    """

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return the merged configuration of a kind."""
        if key == "catalog":
            parameters = OmegaConf.create(self["parameters"])
            OmegaConf.register_new_resolver("parameter", lambda name: OmegaConf.select(parameters, name), replace=True)
            OmegaConf.register_new_resolver("configured", lambda: self._configured, replace=True)
        return super().__getitem__(key)

    def _resolve_from_raw_config(
        self, key: str, base_configs: dict[Path, Any], env_configs: dict[Path, Any], *rest: Any
    ) -> dict[str, Any]:
        if key != "parameters":
            return super()._resolve_from_raw_config(key, base_configs, env_configs, *rest)
        layers = [
            OmegaConf.to_container(OmegaConf.unsafe_merge({}, *files.values())) for files in (base_configs, env_configs)
        ]
        self._configured = OmegaConf.to_container(OmegaConf.create(merge(layers)), resolve=True)
        merged = merge([*layers, self.runtime_params or {}])
        if (file := self._another_file(merged)) is not None:
            merged = merge([layers[0], of_another_file(file, self._globals), *layers[1:], self.runtime_params or {}])
        return OmegaConf.to_container(OmegaConf.create(merged), resolve=True)  # type: ignore[return-value]

    @staticmethod
    def _another_file(merged: dict[str, Any]) -> str | None:
        """Return the training file, if it is none of the project's."""
        file = OmegaConf.select(OmegaConf.create(merged), "data.training_file")
        return file if isinstance(file, str) and Path(file).name not in OF_THE_PROJECT else None


def of_another_file(file: str, named: dict[str, Any]) -> dict[str, Any]:
    """Return what holds of a file that is none of the project's, where nobody says otherwise.

    Its form, its columns and its labels are found out; it has no ids and no entities, and no validation file. The run
    has the file's name. ``named`` are the globals: what they say of this very file holds.
    """
    of_file: dict[str, Any] = {
        "labels": "auto",
        "data": {
            "header": "auto",
            "delimiter": "auto",
            "quoting": "auto",
            "encoding": "auto",
            "columns": {"id": None, "entity": None, "label": "auto", "post": "auto"},
            "drop_labels": [],
        },
    }
    if Path(str(named.get("validation_file"))).name in OF_THE_PROJECT or named.get("training_file") != file:
        of_file["data"]["validation_file"] = None
    if named.get("training_file") != file:
        of_file["run"] = run_of_file(file)
    return of_file


def run_of_file(file: str) -> str:
    """Return the name of the run on a file: the file's, in the letters that a run may have."""
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", Path(file).stem).strip("._-") or "own"
    return f"own_{stem}" if stem in OF_THE_ENVIRONMENTS else stem


def merge(layers: list[Any], model: type[BaseModel] = Conf) -> dict[str, Any]:
    """Merge layers of parameters, the strongest last."""
    merged: dict[str, Any] = {}
    for layer in layers:
        kept = without_replaced(merged, layer, model)
        merged = OmegaConf.to_container(OmegaConf.unsafe_merge(kept, layer))  # type: ignore[assignment]
    return merged
