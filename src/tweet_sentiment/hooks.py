"""What happens around a run: parameters are checked first, and the comparison is shown last."""

import logging
from pathlib import Path
from time import perf_counter
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import MemoryDataset

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import StudyParameters, validate_parameters

logger = logging.getLogger(__name__)


class CheckParameters:
    """Checks every parameter before anything runs, and hands nodes the typed object instead of a dictionary."""

    @hook_impl
    def after_catalog_created(self, catalog: Any, parameters: dict[str, Any]) -> None:
        typed = validate_parameters(parameters["parameters"])
        _check_files(catalog, typed)
        catalog["parameters"] = MemoryDataset(typed, copy_mode="assign")

    @hook_impl
    def before_pipeline_run(self, catalog: Any) -> None:
        parameters: StudyParameters = catalog.load("parameters")
        if parameters.device != "auto" or parameters.fp16 or parameters.precision == "bf16":
            from tweet_sentiment.modeling.devices import choose_device

            choose_device(parameters.device, parameters.fp16, parameters.precision)


def _check_files(catalog: Any, parameters: StudyParameters) -> None:
    """The catalog reads what globals.yml or --params name; a file named in parameters.yml alone would not be read."""
    data = parameters.data
    for key, wanted in (("training_file", data.training_file), ("validation_file", data.validation_file)):
        read = str(catalog[key]._filepath)
        if wanted is not None and not read.endswith(Path(wanted).as_posix().removeprefix("./")):
            raise StudyError(
                f"data.{key} is {wanted}, but the catalog reads {read}.\n"
                f"  Name the file in globals.yml ({key}: …) or by --params=data.{key}=…"
            )
    inference = parameters.inference
    for key, dataset, wanted in (("file", "posts", inference.file), ("model", "model", inference.model)):
        read = str(catalog[f"inference.{dataset}"]._filepath)
        if not read.endswith(Path(wanted).as_posix().removeprefix("./")):
            raise StudyError(
                f"inference.{key} is {wanted}, but the catalog reads {read}.\n  Name it by --params=inference.{key}=…"
            )


class OneRunAtATime:
    """Refuses a second run on the same outputs; the system itself releases a dead process's lock."""

    @hook_impl
    def before_pipeline_run(self, catalog: Any) -> None:
        from filelock import FileLock, Timeout

        path = Path(catalog["row_account"]._filepath).with_name(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(path)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise StudyError(
                f"Another run is writing to {_relative(path.parent)}.\n"
                "  Wait for its end, or give this one another name: --params=run=<name>"
            ) from None

    @hook_impl
    def after_pipeline_run(self) -> None:
        self._lock.release()

    @hook_impl
    def on_pipeline_error(self) -> None:
        self._lock.release()


class ShowProgress:
    """One line a node; another, with its time, if it took a second or more."""

    def __init__(self) -> None:
        self._started: dict[str, float] = {}

    @hook_impl
    def before_node_run(self, node: Any) -> None:
        self._started[node.name] = perf_counter()
        logger.info("%s …", _short(node.name))

    @hook_impl
    def after_node_run(self, node: Any) -> None:
        if (seconds := perf_counter() - self._started[node.name]) >= 1:
            logger.info("%s: done in %.1f s", _short(node.name), seconds)


def _short(name: str) -> str:
    return name.split("__")[0]


class ShowComparison:
    """Prints the comparison when a run has made one, and says where the report lies."""

    @hook_impl
    def after_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        if "comparison" not in pipeline.all_outputs():
            return
        from rich.console import Console
        from rich.table import Table

        from tweet_sentiment.reports.tables import SHOWN, comparison_rows

        table = Table(title="Comparison", caption="The paper's accuracy is of the published, leaking protocol.")
        for name in SHOWN:
            left = name in SHOWN[:2]
            table.add_column(name.replace("_", " "), justify="left" if left else "right", no_wrap=left)
        comparison = catalog.load("comparison")
        for row in comparison_rows(comparison[comparison["measured"]]):
            table.add_row(*row)
        console = Console()
        console.width = max(console.width, 150)
        console.print(table)
        console.print(f"Report: {_relative(catalog['report_page']._filepath)}", highlight=False)


def _relative(path: Any) -> str:
    path = Path(path)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
