"""Wiring of evaluation, once for each technique."""

from kedro.pipeline import Pipeline, node

from .nodes import evaluate, plot_confusion, plot_curves, predict


def create_pipeline(technique: str, predicts: bool = True, learns: bool = True) -> Pipeline:
    """Turn ``<technique>.model`` into predictions, metrics and figures.

    ``predicts`` false: the technique makes its predictions itself. ``learns`` false: it has no curves.
    """
    nodes = [
        node(
            predict,
            [f"{technique}.model", "validation_tokens", "parameters"],
            f"{technique}.predictions",
            namespace=technique,
        ),
        node(
            evaluate,
            [f"{technique}.predictions", f"{technique}.training", "row_account", "parameters"],
            f"{technique}.metrics",
            namespace=technique,
        ),
        node(
            plot_confusion,
            [f"{technique}.predictions", "parameters"],
            f"{technique}.figure_of_confusion",
            namespace=technique,
        ),
        node(
            plot_curves,
            [f"{technique}.curves", "parameters"],
            f"{technique}.figure_of_curves",
            namespace=technique,
        ),
    ]
    wanted = nodes[0 if predicts else 1 : 4 if learns else 3]
    return Pipeline(wanted, tags=technique)
