"""Wiring of reporting."""

from kedro.pipeline import Pipeline, node

from .nodes import (
    SEEDED,
    TECHNIQUES,
    answer_claims,
    collect_results,
    compare,
    compare_techniques,
    draw_frontier,
    plot_comparison,
    plot_leaks,
    write_report,
)
from .promoting import promote


def create_pipeline() -> Pipeline:
    """Gather what the techniques left on disk; those that were not run are named."""
    return Pipeline(
        [
            node(
                collect_results,
                [
                    *(f"{name}.metrics" for name in TECHNIQUES),
                    *(f"{name}.table_of_seeds" for name in SEEDED),
                    "parameters",
                ],
                "results",
                name="collect_results",
            ),
            node(
                compare_techniques,
                [*(f"{name}.predictions" for name in TECHNIQUES), "parameters"],
                "differences",
                name="compare_techniques",
            ),
            node(
                compare,
                ["results", "results_by_protocol", "learning_curves_by_protocol", "audit", "parameters"],
                ["comparison", "comparison_report"],
                name="compare",
            ),
            node(plot_comparison, "comparison", ["figure_of_accuracy", "figure_of_cost"], name="plot_comparison"),
            node(plot_leaks, "audit", "figure_of_leaks", name="plot_leaks"),
            node(
                draw_frontier,
                ["comparison", "differences", "differences_by_protocol", "parameters"],
                ["frontier", "figure_of_frontier"],
                name="draw_frontier",
            ),
            node(
                answer_claims,
                ["comparison", "differences", "differences_by_protocol", "ablations_by_protocol", "parameters"],
                "claims",
                name="answer_claims",
            ),
            node(
                write_report,
                [
                    "comparison",
                    "differences",
                    "audit",
                    "table_of_leaks",
                    "differences_by_protocol",
                    "counts_by_protocol",
                    "metrics_by_technique",
                    "curves_by_technique",
                    "confusions_by_technique",
                    "reliabilities_by_technique",
                    "groups_by_technique",
                    "mistakes_by_technique",
                    "ablations_by_protocol",
                    "entities_by_technique",
                    "histories_by_technique",
                    "importances_by_technique",
                    "lengths_by_protocol",
                    "learning_curves_by_protocol",
                    "trainings_by_protocol",
                    "blocks_by_protocol",
                    "heads_by_protocol",
                    "manifests_by_result",
                    "configured",
                    "frontier",
                    "claims",
                    "parameters",
                ],
                ["report_page", "report_text"],
                name="write_report",
            ),
            node(
                promote,
                ["results", "manifests_by_technique", "metrics_by_technique", "audit", "parameters"],
                "best_model",
                name="promote",
            ),
        ],
        tags="reporting",
    )
