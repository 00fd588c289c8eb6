"""Checks before a run: processes, the device, warm-ups, the disk, and other runs."""

import os
import shutil
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Any

from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from tweet_sentiment.configuration import run_of_file
from tweet_sentiment.console import relative
from tweet_sentiment.errors import StudyError
from tweet_sentiment.storage import tidy

SPLIT = "split_training_posts"
TOKENS = "training_tokens"
DEVICE = "device"  # the tag of the nodes that use it
LAUNCHED = {  # by launchers of several processes, and the most that a process alone has; LOCAL_RANK 0 is torchrun's
    "WORLD_SIZE": 1,
    "RANK": 0,
    "LOCAL_RANK": -1,
    "LOCAL_WORLD_SIZE": 1,
    "PMI_SIZE": 1,
    "OMPI_COMM_WORLD_SIZE": 1,
    "MV2_COMM_WORLD_SIZE": 1,
}
FOUND_BY_PLACE = ("model", "classical_model", "metrics", "predictions")  # a technique's results
MOMENTS = 2  # of AdamW, each as large as the weights
MB = 1_000_000


class CheckMachine:
    """Refuses several processes and a missing device, encoder or database."""

    @hook_impl
    def after_catalog_created(
        self, catalog: Any, conf_catalog: dict[str, Any], load_versions: dict[str, str] | None
    ) -> None:
        refuse_misspelt(conf_catalog)
        refuse_unversioned(catalog, load_versions or {})

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline, catalog: Any) -> None:
        refuse_several_processes(os.environ)
        if "run_files" in pipeline.inputs():
            refuse_moved(catalog)
        compute = catalog.load("params:compute")
        asked = compute.device != "auto" or compute.fp16 or compute.precision == "bf16"
        if asked and any(DEVICE in node.tags for node in pipeline.nodes):
            from tweet_sentiment.modeling.devices import device_of

            device_of(compute)
        for key in ("hyperparameter_search", "technique_search"):
            searches = f"{key}.table_of_trials" in pipeline.all_outputs()
            if searches and (url := catalog.load(f"params:{key}").storage):
                from tweet_sentiment.pipelines.search.workers import check_database

                check_database(url, key)
        checkpoint: str = catalog.load("params:model").checkpoint
        if any(TOKENS in node.outputs for node in pipeline.nodes):
            from tweet_sentiment.modeling.encoder_files import checkpoint_folder
            from tweet_sentiment.modeling.encoders import load_tokenizer

            checkpoint_folder(checkpoint)  # what is not there is said before torch is imported
            load_tokenizer(checkpoint)
        if any(map(_reads_encoder, pipeline.nodes)):
            techniques = {str(node.namespace).partition(".")[0] for node in pipeline.nodes if _trains(node)}
            check_encoder(checkpoint, techniques, catalog.load("parameters"))


def check_encoder(checkpoint: str, techniques: Collection[str], sections: Mapping[str, Any]) -> None:
    """Load the encoder, and check that it has the layers that the parameters of these techniques name.

    Raises:
        StudyError: a file of the encoder is damaged, or it has no such layer or fewer blocks.
    """
    from tweet_sentiment.modeling.encoders import check_prompt_pooling, load_classifier
    from tweet_sentiment.modeling.freezing import unfreeze

    classifier = load_classifier(checkpoint, sections["labels"], sections["seed"])
    if {"layer_unfreezing", "hyperparameter_search"} & {*techniques}:
        unfreeze(classifier, sections["layer_unfreezing"].unfreeze, sections["layer_unfreezing"].top_blocks)
    if "unfreezing_sweep" in techniques:
        unfreeze(classifier, [], max(sections["unfreezing_sweep"].top_blocks))
    for name in {"prompt_tuning", "p_tuning"} & {*techniques}:
        check_prompt_pooling(classifier, sections[name].pooling)
    if "lora" in techniques:
        layers = [name for name, _ in classifier.named_modules()]
        for key in ("target_modules", "ia3_target_modules", "ia3_feedforward_modules"):
            named = getattr(sections["lora"], key)
            for name in named if isinstance(named, list) else ():
                if not any(f".{layer}".endswith(f".{name}") for layer in layers):
                    raise StudyError(f"lora.{key}: the encoder {checkpoint} has no layer '{name}'.")


def _reads_encoder(node: Node) -> bool:
    """Tell whether a node starts from the encoder: it uses the device, and has no model as an input."""
    inputs = node.inputs
    return DEVICE in node.tags and "params:model" in inputs and not any(name.endswith(".model") for name in inputs)


class CheckWarmUp:
    """Refuses a warm-up as long as its training, before the training, once the number of posts is known.

    A limit of rows is known before anything runs; the number of posts is known after the split.
    """

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: Any) -> None:
        from tweet_sentiment.warm_up import check_trainings

        self._sections: dict[str, Any] = catalog.load("parameters")
        techniques = {str(node.namespace).partition(".")[0] for node in pipeline.nodes if _trains(node)}
        self._techniques = sorted(techniques - {"domain_adaptation"})  # it reads other texts, and counts them itself
        for technique in self._techniques:
            sections = (self._sections["data"], self._sections.get(technique))
            limits = [getattr(section, "row_limit", None) for section in sections]
            if known := [limit for limit in limits if limit is not None]:
                check_trainings([technique], min(known), 0, self._sections)
        split_here = any(SPLIT in node.outputs for node in pipeline.nodes)
        if self._techniques and not split_here and catalog.exists(SPLIT):
            self.after_dataset_saved(SPLIT, catalog.load(SPLIT))

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        if dataset_name == SPLIT:
            from tweet_sentiment.warm_up import check_trainings

            check_trainings(self._techniques, len(data), int(data["dev"].sum()), self._sections)


def _trains(node: Node) -> bool:
    return _reads_encoder(node) and bool(node.namespace)


def refuse_several_processes(environment: Mapping[str, str]) -> None:
    """Refuse to run as one of several processes: transformers would join them by these environment variables.

    Raises:
        StudyError: a launcher such as torchrun, accelerate or mpirun has started this process.
    """
    for name, alone in LAUNCHED.items():
        value = environment.get(name, "")
        if value.lstrip("-").isdigit() and int(value) > alone:
            raise StudyError(
                f"{name} is {value}: this is one of several processes, as torchrun and accelerate start them.\n"
                f"  Start it without them, or unset {name}; --params=training.processes=2 trains in two processes."
            )


def refuse_misspelt(catalog: Mapping[str, Any]) -> None:
    """Refuse a dataset of the catalog that no pipeline has and whose name is similar to one that it has.

    Raises:
        StudyError: there is one: its entry would have no effect.
    """
    known = {name for pipeline in pipelines.values() for name in pipeline.datasets()}
    for name in catalog:
        if "{" not in name and name not in known and (near := get_close_matches(name, known, 1, 0.85)):
            raise StudyError(
                f"{name} in the catalog is in no pipeline; did you mean {near[0]}?\n"
                "  Use that name, or one that is less similar."
            )


def refuse_unversioned(catalog: Any, load_versions: Mapping[str, str]) -> None:
    """Refuse ``--load-versions`` of a dataset that has no versions; Kedro would load it as it is.

    Raises:
        StudyError: there is one.
    """
    for name in load_versions:
        if getattr(catalog.get(name), "_version", None) is None:
            raise StudyError(
                f"--load-versions: the catalog keeps no versions of {name}.\n"
                "  Add versioned: true to its entry; each run then keeps a version, and the newest is loaded."
            )


def refuse_moved(catalog: Any) -> None:
    """Refuse results of techniques that the catalog moves away from where reports and promotion look for them.

    Raises:
        StudyError: some are; results of an earlier run would be taken in their place.
    """
    from tweet_sentiment.incremental.identity import path_of
    from tweet_sentiment.techniques import TECHNIQUES

    for name in sorted({name for pipeline in pipelines.values() for name in pipeline.all_outputs()}):
        technique, _, kind = name.rpartition(".")
        if technique in TECHNIQUES and kind in FOUND_BY_PLACE and name in catalog:
            path = path_of(catalog.get(name))
            if path is None or technique not in path.parts or not catalog.get("run_files").holds(path):
                place = "no file" if path is None else relative(path)
                raise StudyError(
                    f"The catalog moves {name} to {place}, where the report and the choice of the best model do not "
                    "find it.\n"
                    "  Leave its place as in conf/base/catalog.yml; outputs in globals.yml moves all files together."
                )


class OneFileARun:
    """Refuses a run that holds the results of another file of the same name, unless ``--params`` names the run."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        self._given = context.config_loader.runtime_params or {}

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: Any) -> None:
        if "run" in self._given or "row_counts" not in pipeline.datasets() or not catalog.exists("row_counts"):
            return
        before: str = catalog.load("row_counts")["parameters"]["data"]["training_file"]
        now: str = catalog.load("params:data").training_file
        run: str = catalog.load("parameters")["run"]
        if run == run_of_file(before) == run_of_file(now) and Path(before).absolute() != Path(now).absolute():
            raise StudyError(
                f"The run {run} holds the results of {before}, and this file is {now}.\n"
                f"  Give it a run of its own: --params=run=NAME; or write over those results: --params=run={run}"
            )


class EnoughDisk:
    """Refuses a run, before it begins, if the disk has no room for its models."""

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: Any) -> None:
        from tweet_sentiment.incremental.identity import path_of

        folders = {
            path: any(one.endswith("working_folder") for one in node.inputs)
            for node in pipeline.nodes
            for name in node.outputs
            if DEVICE in node.tags and name.endswith("model") and (path := path_of(catalog.get(name))) is not None
        }
        if not folders:
            return
        model, training = catalog.load("params:model"), catalog.load("params:training")
        needed = predicted_bytes(folders, model.checkpoint, training.save_total_limit)
        place = next(place for place in next(iter(folders)).absolute().parents if place.is_dir())
        if needed > (free := shutil.disk_usage(place).free):
            raise StudyError(
                f"The disk has {free // MB:,} MB left, and this run writes up to {needed // MB:,} MB of models and "
                f"checkpoints below {place}.\n"
                f"  Free space (make clean deletes all outputs), or run one technique at a time: --pipelines=NAME"
            )


def predicted_bytes(folders: Mapping[Path, bool], checkpoint: str, checkpoints_kept: int) -> int:
    """Return the most space that models in these folders take; True marks those whose training keeps checkpoints.

    A new model is as large as its encoder; an existing one is rewritten beside itself. A training keeps some
    checkpoints, and one more while it writes it, each at most with the moments of all weights.
    """
    new = [folder for folder in folders if not folder.is_dir()]
    sizes = [[file.stat().st_size for file in folder.rglob("*") if file.is_file()] for folder in folders]
    beside = max(map(sum, sizes), default=0)
    if not new:
        return beside
    from tweet_sentiment.modeling.encoder_files import checkpoint_folder

    file = checkpoint_folder(checkpoint) / "model.safetensors"
    weights = file.stat().st_size if file.is_file() else 0  # loading it names what is missing
    checkpoints = any(folders[folder] for folder in new) * (1 + MOMENTS) * (checkpoints_kept + 1)
    return beside + (len(new) + checkpoints) * weights


class OneRunAtATime:
    """Refuses a run if another one writes what it reads or writes, and deletes what killed runs left.

    There is a lock for each namespace, and one for everything else. A run holds the locks of its outputs exclusively,
    and shares those of its inputs with other readers; so two techniques can train side by side on the same posts. The
    system itself releases a dead process's locks.
    """

    def __init__(self) -> None:
        self._locks = ExitStack()

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: Any) -> None:
        from tweet_sentiment.datasets import BestModel, Partitions
        from tweet_sentiment.incremental.identity import path_of

        self._locks.close()
        folder = (path_of(catalog["row_counts"]) or catalog.load("params:working_folder")).parent
        folder.mkdir(parents=True, exist_ok=True)
        written, read = (set(map(_namespace, names)) for names in (pipeline.all_outputs(), pipeline.inputs()))
        partitions = (one for one in map(catalog.get, pipeline.inputs()) if isinstance(one, Partitions))
        read = read.union({""}, *(one.only or () for one in partitions))
        for name in sorted(written | read):
            file = self._locks.enter_context((folder / f".lock{name and '.'}{name}").open("a", encoding="utf-8"))
            if not _lock(file, alone=name in written):
                what = "writing to" if name not in written or not _lock(file, alone=False) else "reading from"
                self._locks.close()
                raise StudyError(
                    f"Another run is {what} {relative(folder)}{name and ': '}{name}.\n"
                    "  Wait until it ends, or give this run another name: --params=run=<name>"
                )
        for dataset in map(catalog.get, sorted(pipeline.all_outputs())):
            if (path := path_of(dataset)) is not None and not isinstance(dataset, BestModel):  # which has a previous
                tidy(path)

    @hook_impl
    def after_pipeline_run(self) -> None:
        self._locks.close()

    @hook_impl
    def on_pipeline_error(self) -> None:
        self._locks.close()


class SayWhatIsMissing:
    """Says which input is missing, and which pipeline makes it, after a failed load or node.

    A node gets a missing optional input as an empty dictionary or table. Some nodes do not need it; in the others a key
    is missing.
    """

    @hook_impl(trylast=True)  # no hook after it is called
    def on_node_error(self, error: Exception, node: Node, catalog: Any) -> None:
        if isinstance(error, KeyError):
            say_missing(error, node.inputs, catalog)

    @hook_impl
    def before_pipeline_run(self) -> None:
        self._loading: list[str] = []

    @hook_impl
    def before_dataset_loaded(self, dataset_name: str) -> None:
        self._loading = [dataset_name]

    @hook_impl
    def after_dataset_loaded(self) -> None:
        self._loading = []

    @hook_impl(trylast=True)
    def on_pipeline_error(self, error: Exception, catalog: Any) -> None:
        say_missing(error, self._loading, catalog)


def say_missing(error: Exception, names: list[str], catalog: Any) -> None:
    """Raise the message about the first of these datasets that does not exist.

    Raises:
        StudyError: there is one.
    """
    from tweet_sentiment.incremental.identity import path_of

    for name in names:
        path = path_of(catalog.get(name)) if name in catalog else None
        if path is None or catalog.exists(name):
            continue
        making = [(len(one.nodes), key) for key, one in pipelines.items() if name in one.all_outputs()]
        what_to_do = (
            f"Run first, for the same run and protocol:  kedro run --pipelines={min(making)[1]}"
            if making
            else "No pipeline makes it: put it there, or name another place in the catalog."
        )
        raise StudyError(f"{name} is not there yet ({relative(path)}).\n  {what_to_do}") from error


def _namespace(dataset: str) -> str:
    return dataset.partition(".")[0] if "." in dataset else ""


def _lock(file: IO[str], *, alone: bool) -> bool:
    """Try to lock a file until it is closed, exclusively or shared."""
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
