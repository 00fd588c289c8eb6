"""Wiring of the experiments: each fits every variant, and draws the table."""

from collections.abc import Callable, Sequence
from typing import Any

from kedro.pipeline import Pipeline, node

from tweet_sentiment.pipelines import boxed, fixed
from tweet_sentiment.reports.figures import cleaning_figure, learning_figure, sweep_figure
from tweet_sentiment.techniques import FEATURES, POSTS, TUNABLE
from tweet_sentiment.techniques.technique import SETUP

from . import nodes

STUDY, UNCERTAINTY = "params:study", "params:uncertainty"
PAST = "past_the_paper"


def create_unfreezing_sweep() -> Pipeline:
    """Layer unfreezing with the top 0, 1, 2 … blocks."""
    figure = fixed(sweep_figure, "top_blocks", "unfrozen blocks")
    draw = node(figure, ["table_of_blocks", STUDY], "figure_of_blocks", name="plot_sweep")
    return _experiment(nodes.sweep_blocks, "sweep", ["unfreezing_sweep", "layer_unfreezing"], FEATURES, draw)


def create_head_sweep() -> Pipeline:
    """Train one prompt with and without layers of the head beside it."""
    figure = fixed(sweep_figure, "trainable_head", "of the head beside the prompt")
    draw = node(figure, ["table_of_heads", STUDY], "figure_of_heads", name="plot_heads")
    tags = ["prompt_head_sweep", PAST]
    return _experiment(nodes.sweep_heads, "sweep_heads", ["prompt_tuning"], POSTS, draw, tags=tags)


def create_training_ablation() -> Pipeline:
    """One technique trained in several ways, one change at a time."""
    figure = fixed(sweep_figure, "variant", "variant of the training")
    draw = node(figure, ["table_of_trainings", STUDY], "figure_of_trainings", name="plot_variants")
    sections = ["training_ablation", "data", "full_fine_tuning", "lora"]
    return _experiment(nodes.compare_trainings, "compare_variants", sections, POSTS, draw)


def create_learning_curve() -> Pipeline:
    """Techniques on a growing number of posts, and what a power law gives for all."""
    draw = node(learning_figure, ["table_of_sizes", STUDY], "figure_of_sizes", name="plot_sizes")
    return _experiment(nodes.measure_sizes, "measure_sizes", ["learning_curve", *TUNABLE], POSTS, draw)


def create_preprocessing_ablation() -> Pipeline:
    """Every way of cleaning through the same head. The posts are data_processing's, as split."""
    table, name = "table_of_variants", "preprocessing_ablation"
    draw = node(cleaning_figure, [table, STUDY, UNCERTAINTY], "figure_of_variants", name="plot_variants")
    words = [table, "params:run", STUDY, "params:model", UNCERTAINTY]
    tell = node(nodes.summarise_variants, words, "summary", name="summarise_variants")
    sections = [name, "layer_unfreezing"]
    return _experiment(nodes.compare_variants, "compare_variants", sections, nodes.SPLIT, draw, tell, tags=[name])


def _experiment(
    measure: Callable[..., Any],
    name: str,
    sections: list[str],
    reads: Sequence[str],
    draw: Any,
    *more: Any,
    tags: Sequence[str] = (),
) -> Pipeline:
    table, own = draw.inputs[0], {section: f"params:{section}" for section in sections}
    inputs = {dataset: dataset for dataset in reads} | SETUP | {"uncertainty": UNCERTAINTY} | own
    made = [node(measure, inputs, table, name=name, tags="device"), draw, *more]
    return boxed(sections[0], made, {*reads, "row_counts"}, tags or [sections[0], PAST])
