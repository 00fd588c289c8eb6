"""Wiring of evaluation, once for each technique."""

from kedro.pipeline import Pipeline, node

from .nodes import evaluate, plot_confusion, plot_curves, predict


def create_pipeline(technique: str, predicts: bool = True, learns: bool = True) -> Pipeline:
    """Turn ``<technique>.model`` into predictions, metrics and figures.

    ``predicts`` false: the technique makes its predictions itself. ``learns`` false: it has no curves.
    """
    prediction = node(predict, ["model", "validation_tokens", "parameters"], "predictions", name="predict")
    curves = node(plot_curves, ["curves", "parameters"], "figure_of_curves", name="plot_curves")
    return Pipeline(
        [
            *([prediction] if predicts else []),
            node(evaluate, ["predictions", "training", "row_account", "parameters"], "metrics", name="evaluate"),
            node(plot_confusion, ["predictions", "parameters"], "figure_of_confusion", name="plot_confusion"),
            *([curves] if learns else []),
        ],
        namespace=technique,
        inputs={"row_account", *(["validation_tokens"] if predicts else [])},
        parameters="parameters",
        tags=technique,
    )
