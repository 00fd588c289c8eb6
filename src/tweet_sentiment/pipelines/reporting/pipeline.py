"""Wiring of reporting."""

from collections.abc import Collection

from kedro.pipeline import Pipeline, node

from tweet_sentiment.reports.figures import leaks_figure
from tweet_sentiment.techniques import SEEDED

from .nodes import (
    answer_claims,
    collect_results,
    compare,
    compare_techniques,
    draw_frontier,
    plot_comparison,
    promote,
    write_report,
)

RUN, STUDY, DATA, UNCERTAINTY = (f"params:{name}" for name in ("run", "study", "data", "uncertainty"))
TESTED = ["comparison", "differences", "earlier_results"]


def create_pipeline(techniques: Collection[str]) -> Pipeline:
    """Gather what these techniques give, and what others have left on disk; those that were not run are named."""
    predictions = {name: f"{name}.predictions" for name in techniques}
    metrics = {name: f"{name}.metrics" for name in techniques}
    seeds = {f"{name}_seeds": f"{name}.table_of_seeds" for name in techniques if name in SEEDED}
    earlier = {"study": STUDY, "earlier_results": "earlier_results"}
    rules = {"run": RUN, "reporting": "params:reporting", "promotion": "params:promotion"}
    return Pipeline(
        [
            node(collect_results, earlier | rules | metrics | seeds, "results", name="collect_results"),
            node(
                compare_techniques,
                earlier | {"results": "results", "uncertainty": UNCERTAINTY} | predictions,
                "differences",
                name="compare_techniques",
            ),
            node(compare, ["results", "earlier_results", STUDY], "comparison", name="compare"),
            node(plot_comparison, "comparison", "figure_of_accuracy", name="plot_comparison"),
            node(leaks_figure, "audit", "figure_of_leaks", name="plot_leaks"),
            node(
                draw_frontier, [*TESTED, STUDY, UNCERTAINTY], ["frontier", "figure_of_frontier"], name="draw_frontier"
            ),
            node(answer_claims, [*TESTED, STUDY, UNCERTAINTY], "claims", name="answer_claims"),
            node(
                write_report,
                ["comparison", "frontier", "claims", "run_files", "params:configured", RUN, DATA, UNCERTAINTY],
                ["report_page", "report_text"],
                name="write_report",
            ),
            node(
                promote,
                ["results", "run_files", "audit", STUDY, "params:promotion"],
                "best_model",
                name="promote",
            ),
        ],
        tags="reporting",
    )
