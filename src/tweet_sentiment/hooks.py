"""What must hold before a run starts: its parameters are right, and no other run writes to the same place."""

from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import MemoryDataset

from tweet_sentiment.console import relative
from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import StudyParameters, validate_parameters
from tweet_sentiment.paths import refuse_address, refuse_addresses


class CheckParameters:
    """Checks every parameter before anything runs, and hands nodes the typed object instead of a dictionary."""

    @hook_impl
    def after_catalog_created(self, catalog: Any, conf_catalog: dict[str, Any], parameters: dict[str, Any]) -> None:
        typed = validate_parameters(_found_out(parameters["parameters"], catalog["training_file"]))
        refuse_addresses(conf_catalog)
        catalog["parameters"] = MemoryDataset(typed, copy_mode="assign")

    @hook_impl
    def before_pipeline_run(self, catalog: Any) -> None:
        parameters: StudyParameters = catalog.load("parameters")
        if parameters.device != "auto" or parameters.fp16 or parameters.precision == "bf16":
            from tweet_sentiment.modeling.devices import choose_device

            choose_device(parameters.device, parameters.fp16, parameters.precision)


def _found_out(raw: dict[str, Any], training_file: Any) -> dict[str, Any]:
    """Return the parameters with what the training file tells, if anything is left to it."""
    from tweet_sentiment.text.own_data import found_out, leaves_open

    if not leaves_open(raw):
        return raw
    refuse_address(raw["data"]["training_file"], "data.training_file")
    return found_out(raw, training_file.load())


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
                f"Another run is writing to {relative(path.parent)}.\n"
                "  Wait for its end, or give this one another name: --params=run=<name>"
            ) from None

    @hook_impl
    def after_pipeline_run(self) -> None:
        self._lock.release()

    @hook_impl
    def on_pipeline_error(self) -> None:
        self._lock.release()
