"""Wiring of the experiments: each fits every variant, and draws the table."""

from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from typing import Any

from kedro.pipeline import Pipeline, node

from tweet_sentiment.reports.figures import cleaning_figure, learning_figure, sweep_figure
from tweet_sentiment.techniques import FEATURES, POSTS, TUNABLE
from tweet_sentiment.techniques.technique import SETUP

from . import cleaning, nodes

STUDY, UNCERTAINTY = "params:study", "params:uncertainty"
PAST = "past_the_paper"


def create_unfreezing_sweep() -> Pipeline:
    """Layer unfreezing with the top 0, 1, 2 … blocks."""
    draw = _sweep("top_blocks", "unfrozen blocks")
    sections = ["unfreezing_sweep", "layer_unfreezing"]
    return _experiment(sections, FEATURES, nodes.sweep_blocks, "sweep", "blocks", (draw, STUDY), "plot_sweep")


def create_head_sweep() -> Pipeline:
    """Train one prompt with and without layers of the head beside it."""
    draw, sections = _sweep("trainable_head", "of the head beside the prompt"), ["prompt_tuning"]
    return _experiment(
        sections,
        POSTS,
        nodes.sweep_heads,
        "sweep_heads",
        "heads",
        (draw, STUDY),
        "plot_heads",
        tags=["prompt_head_sweep", PAST],
    )


def create_training_ablation() -> Pipeline:
    """One technique trained in several ways, one change at a time."""
    draw, sections = (
        _sweep("variant", "variant of the training"),
        ["training_ablation", "data", "full_fine_tuning", "lora"],
    )
    return _experiment(
        sections, POSTS, nodes.compare_trainings, "compare_variants", "trainings", (draw, STUDY), "plot_variants"
    )


def create_learning_curve() -> Pipeline:
    """Techniques on a growing number of posts, and what a power law gives for all."""
    sections, draw = ["learning_curve", *TUNABLE], (learning_figure, STUDY)
    return _experiment(sections, POSTS, nodes.measure_sizes, "measure_sizes", "sizes", draw, "plot_sizes")


def create_preprocessing_ablation() -> Pipeline:
    """Every way of cleaning through the same head. The posts are data_processing's, as split."""
    words = ["table_of_variants", "params:run", STUDY, "params:model", UNCERTAINTY]
    summary = node(cleaning.summarise_variants, words, "summary", name="summarise_variants")
    sections, draw = ["preprocessing_ablation", "layer_unfreezing"], (cleaning_figure, STUDY, UNCERTAINTY)
    compare = cleaning.compare_variants
    return _experiment(
        sections,
        cleaning.SPLIT,
        compare,
        "compare_variants",
        "variants",
        draw,
        "plot_variants",
        summary,
        tags=sections[:1],
    )


def _sweep(column: str, words: str) -> Callable[..., Any]:
    return update_wrapper(partial(sweep_figure, column, words), sweep_figure)


def _experiment(
    sections: list[str],
    reads: Sequence[str],
    measure: Callable[..., Any],
    name: str,
    what: str,
    plot: tuple[Any, ...],
    plot_name: str,
    *more: Any,
    tags: Sequence[str] = (),
) -> Pipeline:
    """Return the node that fits every variant, and the one that draws its table, in the namespace ``sections[0]``."""
    table, own = f"table_of_{what}", {section: f"params:{section}" for section in sections}
    inputs = {dataset: dataset for dataset in reads} | SETUP | {"uncertainty": UNCERTAINTY} | own
    nodes = [
        node(measure, inputs, table, name=name, tags="device"),
        node(plot[0], [table, *plot[1:]], f"figure_of_{what}", name=plot_name),
        *more,
    ]
    return Pipeline(
        nodes,
        namespace=sections[0],
        inputs={*reads, "row_counts"},
        parameters={one for part in nodes for one in part.inputs if one.startswith("params:")},
        tags=tags or [sections[0], PAST],
    )
