"""Wiring of the experiments: each fits every variant, and draws the table."""

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any

from kedro.pipeline import Pipeline, node

from tweet_sentiment.techniques import FEATURES, POSTS, TUNABLE
from tweet_sentiment.techniques.technique import SETUP, SHARED

from . import cleaning, nodes

UNCERTAINTY = {"uncertainty": "params:uncertainty"}


def create_unfreezing_sweep() -> Pipeline:
    """Layer unfreezing with the top 0, 1, 2 … blocks."""
    plot = _sweep_figure("top_blocks", "unfrozen blocks")
    sections = ("unfreezing_sweep", "layer_unfreezing")
    return _experiment(
        "unfreezing_sweep", FEATURES, sections, nodes.sweep_blocks, "sweep", "blocks", plot, "plot_sweep"
    )


def create_head_sweep() -> Pipeline:
    """Train one prompt with and without layers of the head beside it."""
    plot = _sweep_figure("trainable_head", "of the head beside the prompt")
    return _experiment(
        "prompt_tuning",
        POSTS,
        ("prompt_tuning",),
        nodes.sweep_heads,
        "sweep_heads",
        "heads",
        plot,
        "plot_heads",
        tag="prompt_head_sweep",
    )


def create_training_ablation() -> Pipeline:
    """One technique trained in several ways, one change at a time."""
    plot = _sweep_figure("variant", "variant of the training")
    sections = ("training_ablation", "data", "full_fine_tuning", "lora")
    return _experiment(
        "training_ablation",
        POSTS,
        sections,
        nodes.compare_trainings,
        "compare_variants",
        "trainings",
        plot,
        "plot_variants",
    )


def create_learning_curve() -> Pipeline:
    """Techniques on a growing number of posts, and what a power law gives for all."""
    sections = ("learning_curve", *TUNABLE)
    plot = node(nodes.plot_sizes, ["table_of_sizes", "params:study"], "figure_of_sizes", name="plot_sizes")
    return _experiment(
        "learning_curve", POSTS, sections, nodes.measure_sizes, "measure_sizes", "sizes", lambda *_: plot, "plot_sizes"
    )


def create_preprocessing_ablation() -> Pipeline:
    """Every way of cleaning through the same head. The posts are data_processing's, as split."""

    def plot(table: str, figure: str, name: str) -> Any:
        return node(cleaning.plot_variants, [table, "params:study", "params:uncertainty"], figure, name=name)

    sections = ("preprocessing_ablation", "layer_unfreezing")
    words = ["table_of_variants", "params:run", "params:study", "params:model", "params:uncertainty"]
    return _experiment(
        "preprocessing_ablation",
        cleaning.SPLIT,
        sections,
        cleaning.compare_variants,
        "compare_variants",
        "variants",
        plot,
        "plot_variants",
        node(cleaning.summarise_variants, words, "summary", name="summarise_variants"),
    )


def _sweep_figure(column: str, words: str) -> Callable[[str, str, str], Any]:
    draw = update_wrapper(partial(nodes.plot_sweep, column, words), nodes.plot_sweep)
    return lambda table, figure, name: node(draw, [table, "params:study"], figure, name=name)


def _experiment(
    namespace: str,
    reads: tuple[str, ...],
    sections: tuple[str, ...],
    measure: Callable[..., Any],
    name: str,
    what: str,
    plot: Callable[[str, str, str], Any],
    plot_name: str,
    *more: Any,
    tag: str = "",
) -> Pipeline:
    """Return the node that fits every variant, and the one that draws its table."""
    own = {section: f"params:{section}" for section in sections}
    data = {dataset: dataset for dataset in reads}
    table = f"table_of_{what}"
    return Pipeline(
        [
            node(measure, data | SETUP | UNCERTAINTY | own, table, name=name, tags="device"),
            plot(table, f"figure_of_{what}", plot_name),
            *more,
        ],
        namespace=namespace,
        inputs={*reads, "row_counts"},
        parameters={*SHARED, "params:uncertainty", *own.values(), *(["params:run"] if more else [])},
        tags=[tag or namespace, *([] if namespace == "preprocessing_ablation" else ["past_the_paper"])],
    )
