"""Wiring of the two searches: over layer unfreezing, as in the paper, and over any other technique."""

from kedro.pipeline import Pipeline, node

from tweet_sentiment.pipelines import boxed, fixed
from tweet_sentiment.techniques import FEATURES, POSTS, TUNABLE
from tweet_sentiment.techniques.technique import SETUP

from .nodes import repeat_with_seeds, search, train_best
from .plotting import plot_search

FIGURES = ["figure_of_history", "figure_of_importance", "figure_of_parallel_coordinates"]


def create_pipeline() -> Pipeline:
    """Search the paper's space, plot the search, train with the best values, then again with other seeds."""
    return _search("hyperparameter_search", FEATURES, ("layer_unfreezing",), "search", "train_best", seeds=True)


def create_technique_search() -> Pipeline:
    """Do the same for a technique that trains through the encoder."""
    return _search("technique_search", POSTS, TUNABLE, "search_technique", "train_best_technique", seeds=False)


def _search(
    key: str, reads: tuple[str, ...], techniques: tuple[str, ...], name: str, best: str, *, seeds: bool
) -> Pipeline:
    own = {technique: f"params:{technique}" for technique in techniques} | {"search": f"params:{key}"}
    inputs = {dataset: dataset for dataset in reads} | SETUP | own
    found, encoding = {"best": "hyperparameters"}, {"encoding": "encoding"} if reads == FEATURES else {}
    look, train = (fixed(function, key) for function in (search, train_best))
    plotted = ["table_of_trials", f"params:{key}", "params:training"]
    steps = [
        node(look, inputs, ["hyperparameters", "table_of_trials"], name=name, tags="device"),
        node(plot_search, plotted, FIGURES, name="plot_search" if seeds else "plot_technique_search"),
        node(train, inputs | found | encoding, ["model", "curves", "training"], name=best, tags="device"),
    ]
    if seeds:
        again, table = inputs | found | {"seeds": "params:seeds"}, "table_of_seeds"
        steps.append(node(repeat_with_seeds, again, table, name="repeat_with_seeds", tags="device"))
    return boxed(key, steps, {*reads, "row_counts", *encoding}, [key] if seeds else [key, "past_the_paper"])
