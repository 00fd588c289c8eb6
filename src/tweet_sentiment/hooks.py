"""What must hold before a run starts: its parameters are right, and no other run writes to the same place."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import MemoryDataset
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from tweet_sentiment.console import relative
from tweet_sentiment.errors import StudyError
from tweet_sentiment.paths import refuse_addresses
from tweet_sentiment.schema import StudyParameters
from tweet_sentiment.warm_up import check_trainings

SPLIT = "split_training_posts"
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


class CheckParameters:
    """Checks every parameter before anything runs, and hands nodes the typed object instead of a dictionary."""

    @hook_impl
    def after_catalog_created(self, catalog: Any, conf_catalog: dict[str, Any], parameters: dict[str, Any]) -> None:
        refuse_addresses(conf_catalog)
        typed = {name: parameters["parameters"][name] for name in StudyParameters.model_fields}
        catalog["parameters"] = MemoryDataset(StudyParameters(**typed), copy_mode="assign")

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline, catalog: Any) -> None:
        refuse_several_processes(os.environ)
        parameters: StudyParameters = catalog.load("parameters")
        asked = parameters.device != "auto" or parameters.fp16 or parameters.precision == "bf16"
        if asked and any(DEVICE in node.tags for node in pipeline.nodes):
            from tweet_sentiment.modeling.devices import choose_device

            choose_device(parameters.device, parameters.fp16, parameters.precision)


class CheckWarmUp:
    """Refuses a warm-up as long as its training: as soon as it is known how many posts there are, and before training.

    A limit of rows is known before anything runs, the number of posts once they are split.
    """

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: Any) -> None:
        self._parameters: StudyParameters = catalog.load("parameters")
        techniques = {str(node.namespace).partition(".")[0] for node in pipeline.nodes if _trains(node)}
        self._techniques = sorted(techniques - {"domain_adaptation"})  # it reads other texts, and counts them itself
        for technique in self._techniques:
            limits = [
                self._parameters.data.row_limit,
                getattr(getattr(self._parameters, technique, None), "row_limit", None),
            ]
            if known := [limit for limit in limits if limit is not None]:
                check_trainings([technique], min(known), 0, vars(self._parameters))
        split_here = any(SPLIT in node.outputs for node in pipeline.nodes)
        if self._techniques and not split_here and catalog.exists(SPLIT):
            self.after_dataset_saved(SPLIT, catalog.load(SPLIT))

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        if dataset_name == SPLIT:
            check_trainings(self._techniques, len(data), int(data["dev"].sum()), vars(self._parameters))


def _trains(node: Node) -> bool:
    """Tell whether a node trains: it uses the device, and not for a model that is there already."""
    return DEVICE in node.tags and bool(node.namespace) and not any(name.endswith("model") for name in node.inputs)


def refuse_several_processes(environment: Mapping[str, str]) -> None:
    """Refuse to be one of several processes that train together: transformers would join them by these variables.

    Raises:
        StudyError: a launcher such as torchrun, accelerate or mpirun has started this process.
    """
    for name, alone in LAUNCHED.items():
        value = environment.get(name, "")
        if value.lstrip("-").isdigit() and int(value) > alone:
            raise StudyError(
                f"{name} is {value}: this is one of several processes, as torchrun or accelerate start them.\n"
                f"  The study trains in one process: start it without them, or unset {name}."
            )


class OneRunAtATime:
    """Refuses a second run on the same outputs; the system itself releases a dead process's lock."""

    @hook_impl
    def before_pipeline_run(self, catalog: Any) -> None:
        from filelock import FileLock, Timeout

        path = Path(catalog["row_counts"]._filepath).with_name(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(path)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise StudyError(
                f"Another run is writing to {relative(path.parent)}.\n"
                "  Wait for its end, or give this one another name: --params=run=<name>"
            ) from None

    @hook_impl
    def after_pipeline_run(self) -> None:
        self._lock.release()

    @hook_impl
    def on_pipeline_error(self) -> None:
        self._lock.release()
