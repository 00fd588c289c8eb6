"""Wiring of reporting."""

from kedro.pipeline import Pipeline, node

from .nodes import TECHNIQUES, collect_results, compare, plot_comparison


def create_pipeline() -> Pipeline:
    """Gather the metrics of all techniques; those without any are named."""
    return Pipeline(
        [
            node(
                collect_results,
                [*(f"{name}.metrics" for name in TECHNIQUES), "parameters"],
                "results",
                name="collect_results",
            ),
            node(
                compare,
                ["results", "results_by_protocol", "parameters"],
                ["comparison", "comparison_report"],
                name="compare",
            ),
            node(plot_comparison, "comparison", ["figure_of_accuracy", "figure_of_cost"], name="plot_comparison"),
        ],
        tags="reporting",
    )
