"""Wiring of the two searches: over layer unfreezing, as the paper's, and over any other technique."""

from functools import partial, update_wrapper

from kedro.pipeline import Pipeline, node

from tweet_sentiment.techniques import FEATURES, POSTS, TUNABLE
from tweet_sentiment.techniques.technique import SETUP, SHARED

from .nodes import plot_search, repeat_with_seeds, search, train_best

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
    sections = {technique: f"params:{technique}" for technique in techniques}
    data = {dataset: dataset for dataset in reads}
    inputs = data | SETUP | sections | {"search": f"params:{key}"}
    found = {"best": "hyperparameters"}
    encoding = {"encoding": "encoding"} if reads == FEATURES else {}
    look, train = (update_wrapper(partial(function, key), function) for function in (search, train_best))
    plot = [f"params:{key}", "params:training"]
    plot_name = "plot_search" if seeds else "plot_technique_search"
    again = node(
        repeat_with_seeds,
        inputs | found | {"seeds": "params:seeds"},
        "table_of_seeds",
        name="repeat_with_seeds",
        tags="device",
    )
    return Pipeline(
        [
            node(look, inputs, ["hyperparameters", "table_of_trials"], name=name, tags="device"),
            node(
                plot_search,
                ["table_of_trials", *plot],
                FIGURES,
                name=plot_name,
            ),
            node(train, inputs | found | encoding, ["model", "curves", "training"], name=best, tags="device"),
            *([again] if seeds else []),
        ],
        namespace=key,
        inputs={*reads, "row_counts", *encoding},
        parameters={*SHARED, *sections.values(), f"params:{key}", *(["params:seeds"] if seeds else [])},
        tags=[key] if seeds else [key, "past_the_paper"],
    )
