"""Wiring of reporting."""

from kedro.pipeline import Pipeline, node

from tweet_sentiment.techniques import SEEDED, TECHNIQUES

from .nodes import (
    answer_claims,
    collect_results,
    compare,
    compare_techniques,
    draw_frontier,
    plot_comparison,
    plot_leaks,
    promote,
    write_report,
)

RUN, STUDY, DATA, UNCERTAINTY = (f"params:{name}" for name in ("run", "study", "data", "uncertainty"))
TESTED = ["comparison", "differences", "differences_by_protocol"]


def create_pipeline() -> Pipeline:
    """Gather what the techniques left on disk; those that were not run are named."""
    predictions = {name: f"{name}.predictions" for name in TECHNIQUES}
    metrics = {name: f"{name}.metrics" for name in TECHNIQUES}
    seeds = {f"{name}_seeds": f"{name}.table_of_seeds" for name in SEEDED}
    rules = {"run": RUN, "study": STUDY, "reporting": "params:reporting", "promotion": "params:promotion"}
    return Pipeline(
        [
            node(collect_results, rules | metrics | seeds, "results", name="collect_results"),
            node(
                compare_techniques,
                {"study": STUDY, "uncertainty": UNCERTAINTY} | predictions,
                "differences",
                name="compare_techniques",
            ),
            node(
                compare,
                ["results", "results_by_protocol", "learning_curves_by_protocol", "audit", RUN, STUDY],
                ["comparison", "comparison_report"],
                name="compare",
            ),
            node(plot_comparison, "comparison", ["figure_of_accuracy", "figure_of_cost"], name="plot_comparison"),
            node(plot_leaks, "audit", "figure_of_leaks", name="plot_leaks"),
            node(
                draw_frontier, [*TESTED, STUDY, UNCERTAINTY], ["frontier", "figure_of_frontier"], name="draw_frontier"
            ),
            node(answer_claims, [*TESTED, "ablations_by_protocol", STUDY, UNCERTAINTY], "claims", name="answer_claims"),
            node(
                write_report,
                ["comparison", "frontier", "claims", "run_files", "configured", RUN, DATA, UNCERTAINTY],
                ["report_page", "report_text"],
                name="write_report",
            ),
            node(
                promote,
                ["results", "manifests_by_technique", "metrics_by_technique", "audit", STUDY, "params:promotion"],
                "best_model",
                name="promote",
            ),
        ],
        tags="reporting",
    )
