"""Parameters from ``conf`` and ``--params``: merged by layer, completed from the training file, checked as models."""

import os
import re
from functools import cached_property, reduce
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.framework.context import KedroContext
from omegaconf import OmegaConf
from pydantic import BaseModel

from tweet_sentiment.addresses import copy_of, fetch, shown
from tweet_sentiment.storage import sha256

PLACES = {"filepath", "path", "models"}  # keys of a dataset
OF_THE_PROJECT = ("sample_training.csv", "sample_validation.csv", "twitter_training.csv", "twitter_validation.csv")
OF_THE_ENVIRONMENTS = ("sample", "kaggle", "paper", "test")  # runs; a file of one's own never lands among their results


class ConfigLoader(OmegaConfigLoader):
    """Kedro's loader, with our own rules for the parameters of base, of the environment and of ``--params``.

    ``merge`` merges them. The values of the project's own files in ``conf/base`` do not apply to another file: for
    it ``of_another_file`` replaces them, and the environment and ``--params`` add what cannot be detected; if the
    environment names a file and ``--params`` another, only ``--params``.
    The catalog may read a parameter, ``${parameter:data.training_file}``, so that each is set in one place.
    Where a dataset of ours lies at an address, its path is that of this machine's copy.
    ``configured`` is all parameters as ``conf`` says them, without ``--params``.
    """

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return the merged configuration of a kind; the parameters are read once."""
        if key == "catalog":
            parameters = OmegaConf.create(self["parameters"])
            OmegaConf.register_new_resolver("parameter", lambda name: OmegaConf.select(parameters, name), replace=True)
        found: dict[str, Any] = super().__getitem__(key)
        if key == "parameters":
            self[key] = found
        for entry in found.values() if key == "catalog" else ():
            if isinstance(entry, dict) and str(entry.get("type")).startswith("tweet_sentiment.datasets."):
                entry |= {name: str(copy_of(entry[name])) for name in PLACES & entry.keys() if entry[name]}
        return found

    def _resolve_from_raw_config(
        self, key: str, base_configs: dict[Path, Any], env_configs: dict[Path, Any], *rest: Any
    ) -> dict[str, Any]:
        if key != "parameters":
            return super()._resolve_from_raw_config(key, base_configs, env_configs, *rest)
        from tweet_sentiment.schema import Conf

        layers: list[Any] = [
            OmegaConf.to_container(OmegaConf.unsafe_merge({}, *files.values())) for files in (base_configs, env_configs)
        ]
        base, environment = layers
        said = self.runtime_params or {}
        self["configured"] = _resolved(merge(base, environment, Conf))
        merged = _resolved(merge(merge(base, environment, Conf), said, Conf))
        file = merged["data"]["training_file"] if isinstance(merged.get("data"), dict) else None
        if not isinstance(file, str) or Path(file).name in OF_THE_PROJECT:
            return merged
        of_file = of_another_file(file, self._globals)
        of_conf = Path(str(OmegaConf.select(OmegaConf.create(self["configured"]), "data.training_file")))
        about_another = of_conf.name not in OF_THE_PROJECT and of_conf != Path(file)
        layers = [environment, of_file] if about_another else [of_file, environment]
        return _resolved(reduce(lambda so_far, layer: merge(so_far, layer, Conf), [base, *layers, said]))


def _resolved(values: dict[str, Any]) -> dict[str, Any]:
    from tweet_sentiment.schema import check_sections

    check_sections(values)  # a value may be taken from a section
    return OmegaConf.to_container(OmegaConf.create(values), resolve=True)  # type: ignore[return-value]


def merge(values: dict[str, Any], later: dict[str, Any], model: type[BaseModel] | None) -> dict[str, Any]:
    """Merge two layers of parameters key by key; the later one wins.

    A map whose names the user chooses (variants, techniques, labels) replaces the earlier map, except that one which
    sets a name to null only removes that name. A map with the keys of another model (a pruner) replaces the earlier
    one.
    """
    from tweet_sentiment.parameters import kinds_of

    merged = {**values, **later}
    for name in values.keys() & later.keys():
        old, new = values[name], later[name]
        if not (isinstance(old, dict) and isinstance(new, dict)):
            continue
        field = model.model_fields.get(name) if model else None
        kinds = list(kinds_of(field.annotation)) if field else []
        models = [kind for kind in kinds if kind is not dict]
        named = dict in kinds and None not in new.values()
        other = len(models) > 1 and not any(old.keys() | new.keys() <= one.model_fields.keys() for one in models)
        if not named and not other:
            merged[name] = merge(old, new, models[0] if len(models) == 1 else None)
    return merged


def of_another_file(file: str, named: dict[str, Any]) -> dict[str, Any]:
    """Return the default parameters of a file that is not the project's.

    Its format, columns and labels are detected; it has no ids, no entities and no validation file. The run has the
    file's name. ``named`` are the globals: values that they set for this file are kept.
    """
    of_file: dict[str, Any] = {
        "labels": "auto",
        "data": {
            **dict.fromkeys(("header", "delimiter", "quoting", "encoding"), "auto"),
            "columns": {"id": None, "group": None, "entity": None, "label": "auto", "post": "auto"},
            "drop_labels": [],
        },
    }
    if Path(str(named.get("validation_file"))).name in OF_THE_PROJECT or named.get("training_file") != file:
        of_file["data"]["validation_file"] = None
    if named.get("training_file") != file:
        of_file["run"] = run_of_file(file)
    return of_file


def run_of_file(file: str) -> str:
    """Return the name of the run on a file: the file's name in the letters that a run may have, or with a hash."""
    stem = Path(file).stem
    run = re.sub(r"[^A-Za-z0-9_.-]+", "_", stem).strip("._-") or "own"
    if not stem.isascii():
        return f"{run}_{sha256(os.fsencode(stem))[:6]}"
    return f"own_{run}" if run in OF_THE_ENVIRONMENTS else run


class StudyContext(KedroContext):
    """The context whose ``params:`` inputs are typed models, one for each section of ``conf``.

    Raises:
        StudyError: a parameter is missing, unknown or wrong, or cannot be detected in the training file.
    """

    @property
    def params(self) -> dict[str, Any]:
        """Return the models by section; ``study`` and ``compute`` group keys of the top level.

        Also returned are ``configured``, the parameters without ``--params``, and ``working_folder``, the folder of
        what must survive a kill: checkpoints and trials.
        """
        return self._sections

    @cached_property
    def _sections(self) -> dict[str, Any]:
        from tweet_sentiment.data.inspection import found_out, leaves_open
        from tweet_sentiment.data.lines import Source
        from tweet_sentiment.schema import validate

        raw = self.config_loader["parameters"]
        if leaves_open(raw):
            file = raw["data"]["training_file"]
            path = fetch(self.project_path / copy_of(file))
            raw = found_out(raw, Source.at(path, shown(path)))
        sections = validate(raw)
        working = self.project_path / "data/06_models" / sections["run"] / sections["study"].protocol / ".working"
        return sections | {"configured": self.config_loader["configured"], "working_folder": working}
