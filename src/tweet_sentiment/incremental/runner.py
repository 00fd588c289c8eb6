"""``kedro run --only-changed``: the runner that leaves out what is as it was."""

import logging
from typing import Any

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import SequentialRunner

from tweet_sentiment.errors import StudyError
from tweet_sentiment.incremental.planning import Plan, make_plan

logger = logging.getLogger(__name__)


class OnlyChanged(SequentialRunner):
    """Runs the nodes whose inputs, parameters, code, libraries or outputs have changed, and all after them."""

    def run(
        self,
        pipeline: Pipeline,
        catalog: Any,
        hook_manager: Any = None,
        run_id: str | None = None,
        only_missing_outputs: bool = False,
    ) -> dict[str, Any]:
        """Say what is skipped and why the others run, and run these.

        Raises:
            StudyError: only missing outputs are asked for too, which would leave out what has changed.
        """
        if only_missing_outputs:
            raise StudyError(
                "--only-changed and --only-missing-outputs were given together.\n"
                "  Leave --only-missing-outputs out: what is missing counts as changed."
            )
        plan = make_plan(pipeline, catalog)
        _announce(plan)
        return super().run(_InOrder(plan.running), catalog, hook_manager, run_id)

    @property
    def _logger(self) -> logging.Logger:
        return logging.getLogger(SequentialRunner.__module__)  # as quiet as Kedro's own


class _InOrder(Pipeline):
    """A pipeline whose nodes run in the order given: among some nodes of it, Kedro would find another."""

    def __init__(self, nodes: list[Node]) -> None:
        self._order = nodes
        super().__init__(nodes)

    @property
    def nodes(self) -> list[Node]:
        return list(self._order)


def _announce(plan: Plan) -> None:
    if not plan.running:
        logger.info("Nothing has changed: all %d nodes are skipped.", len(plan.nodes))
        return
    if plan.skipped:
        logger.info("Unchanged, and skipped: %s.", ", ".join(plan.skipped))
    for node in plan.running:
        logger.info("%s runs: %s", node.name, plan.reasons[node.name])
