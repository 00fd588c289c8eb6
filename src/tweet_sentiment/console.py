"""What a run shows: one aligned line per node with its time, and the comparison at the end."""

import logging
from pathlib import Path
from threading import Timer
from time import perf_counter
from typing import Any

from kedro.framework.hooks import hook_impl

from tweet_sentiment.addresses import shown
from tweet_sentiment.interrupts import raise_if_received
from tweet_sentiment.storage import is_address

logger = logging.getLogger(__name__)

SECONDS_OF_SILENCE = 10
WIDE = 165  # characters a line that all columns of the comparison need


class ShowProgress:
    """Logs one line per finished node, with its time; a node that takes long is also named before."""

    def __init__(self) -> None:
        self._width = 0
        self._started: dict[str, tuple[float, Timer]] = {}

    @hook_impl
    def before_pipeline_run(self, pipeline: Any) -> None:
        self._width = max((len(_short(node.name)) for node in pipeline.nodes), default=0)

    @hook_impl
    def before_node_run(self, node: Any) -> None:
        raise_if_received()
        timer = Timer(SECONDS_OF_SILENCE, logger.info, ("%s …", _short(node.name)))
        timer.daemon = True
        timer.start()
        self._started[node.name] = (perf_counter(), timer)

    @hook_impl
    def after_node_run(self, node: Any) -> None:
        logger.info("%s %8.1f s", _short(node.name).ljust(self._width), self._stop(node))

    @hook_impl
    def on_node_error(self, node: Any) -> None:
        logger.error("%s failed after %.1f s", _short(node.name), self._stop(node))

    def _stop(self, node: Any) -> float:
        """Return the seconds since the node was started."""
        started, timer = self._started.pop(node.name)
        timer.cancel()
        return perf_counter() - started


def _short(name: str) -> str:
    return name.split("__")[0]


class ShowComparison:
    """Prints the comparison of a run, and where its report and best model are."""

    @hook_impl
    def after_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        if "comparison" not in pipeline.all_outputs() or not catalog.exists("comparison"):  # in memory it is gone
            return
        from rich.console import Console

        from tweet_sentiment.manifests import read_manifest

        comparison = catalog.load("comparison")
        console = Console()
        if not console.is_terminal:
            console.width = max(console.width, WIDE)
        console.print(comparison_table(comparison[comparison["measured"]], console.width))
        if page := getattr(catalog["report_page"], "_filepath", None):
            console.print(f"Report: {relative(page)}", highlight=False)
        if catalog["best_model"].exists():
            best = catalog["best_model"]._filepath
            technique = read_manifest(best)["technique"]
            console.print(f"Best model of the run: {technique}, in {relative(best)}", highlight=False)
            asked = f"--model={relative(best)}" if is_address(relative(best)) else f"--run={best.parent.name}"
            console.print(f'Ask it: kedro predict {asked} "I love this"', highlight=False)


def comparison_table(comparison: Any, width: int) -> Any:
    """Return the comparison as a table for a terminal's width: all columns if they fit, otherwise the main ones."""
    from rich.table import Table

    from tweet_sentiment.reports.tables import MAIN, SHOWN, compared

    names, rows = compared(comparison, SHOWN if width >= WIDE else MAIN)
    paper = "The paper's accuracy is of the published, leaking protocol." if "paper_accuracy" in names else None
    table = Table(title="Comparison", caption=paper)
    for name in names:
        left = name in names[:2]
        table.add_column(name.replace("_", " "), justify="left" if left else "right", no_wrap=left)
    for row in rows:
        table.add_row(*row)
    return table


def relative(path: Any) -> str:
    """Return a path relative to the working directory, if it is below; for a copy, its address."""
    path = Path(path)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else shown(path)
