"""Wiring of reporting."""

from collections.abc import Collection
from typing import Any

from kedro.pipeline import Pipeline, node

from tweet_sentiment.techniques import SEEDED

from . import nodes

RUN, STUDY, DATA, UNCERTAINTY, REPORTING, PROMOTION = (
    f"params:{name}" for name in ("run", "study", "data", "uncertainty", "reporting", "promotion")
)
TESTED = ["comparison", "differences", "earlier_results", STUDY, UNCERTAINTY]
REPORTED = ["comparison", "frontier", "claims", "run_files", "params:configured", RUN, DATA, UNCERTAINTY]
REPORTED += [REPORTING, PROMOTION]


def create_pipeline(techniques: Collection[str]) -> Pipeline:
    """Compare the results of these techniques and those of others on disk; missing ones are named."""
    metrics = {name: f"{name}.metrics" for name in techniques}
    seeds = {f"{name}_seeds": f"{name}.table_of_seeds" for name in techniques if name in SEEDED}
    earlier = {"study": STUDY, "earlier_results": "earlier_results"}
    rules = {"run": RUN, "reporting": REPORTING, "promotion": PROMOTION}
    steps: Any = (  # what each reads and writes
        (nodes.collect_results, earlier | rules | metrics | seeds, "results"),
        (nodes.compare_techniques, ["results", "earlier_results", STUDY, UNCERTAINTY], "differences"),
        (nodes.compare, ["results", "earlier_results", STUDY], "comparison"),
        (nodes.plot_comparison, "comparison", "figure_of_accuracy"),
        (nodes.draw_frontier, TESTED, ["frontier", "figure_of_frontier"]),
        (nodes.answer_claims, TESTED, "claims"),
        (nodes.write_report, REPORTED, ["report_page", "report_text"]),
        (nodes.promote, ["results", "run_files", "audit", STUDY, PROMOTION], "best_model"),
    )
    made = [node(step, reads, writes, name=step.__name__) for step, reads, writes in steps]
    return Pipeline(made, tags="reporting")
