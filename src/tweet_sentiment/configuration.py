"""How ``conf`` is read: later layers win key by key, and a map of another form replaces the one below it whole."""

from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from omegaconf import OmegaConf
from pydantic import BaseModel

from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.parameters.maps import without_replaced


class ConfigLoader(OmegaConfigLoader):
    """Kedro's loader, with two rules of our own.

    Parameters of ``conf/base``, then of the environment, then of ``--params`` are merged key by key, as Kedro's soft
    merge does; but where a map has no keys of its own (names of variants, techniques, labels), or is one of several
    models (a pruner), a later one replaces the earlier; see :func:`without_replaced`. And the catalog may read a
    parameter: ``${parameter:data.training_file}``, so that each is said in one place.
    """

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return the merged configuration of a kind."""
        if key == "catalog":
            parameters = OmegaConf.create(self["parameters"])
            OmegaConf.register_new_resolver("parameter", lambda name: OmegaConf.select(parameters, name), replace=True)
        return super().__getitem__(key)

    def _resolve_from_raw_config(
        self, key: str, base_configs: dict[Path, Any], env_configs: dict[Path, Any], *rest: Any
    ) -> dict[str, Any]:
        if key != "parameters":
            return super()._resolve_from_raw_config(key, base_configs, env_configs, *rest)
        layers = [OmegaConf.unsafe_merge({}, *files.values()) for files in (base_configs, env_configs)]
        merged = merge([OmegaConf.to_container(layer) for layer in layers] + [self.runtime_params or {}])
        return OmegaConf.to_container(OmegaConf.create(merged), resolve=True)  # type: ignore[return-value]


def merge(layers: list[Any], model: type[BaseModel] = StudyParameters) -> dict[str, Any]:
    """Merge layers of parameters, the strongest last."""
    merged: dict[str, Any] = {}
    for layer in layers:
        kept = without_replaced(merged, layer, model)
        merged = OmegaConf.to_container(OmegaConf.unsafe_merge(kept, layer))  # type: ignore[assignment]
    return merged
