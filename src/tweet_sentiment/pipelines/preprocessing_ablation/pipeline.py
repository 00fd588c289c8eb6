"""Wiring of preprocessing_ablation: a namespace for each way of cleaning, then the comparison."""

from functools import partial, update_wrapper

from kedro.pipeline import Pipeline, node

from .nodes import compare_variants, encode_variant, fit_variant, plot_variants, show_variants, summarise_variants
from .variants import VARIANTS, Variant

POSTS = ["split_training_posts", "split_test_posts"]
ENCODED = ["training_features", "test_features", "encoding"]


def create_pipeline() -> Pipeline:
    """Take the raw posts every way to predictions, and compare. The posts are data_processing's, as split."""
    every = [f"{variant.name}.{data}" for data in ("predictions", "metrics") for variant in VARIANTS]
    return Pipeline(
        [
            node(show_variants, None, "example", name="show_variants"),
            *(_one_way(variant) for variant in VARIANTS),
            node(compare_variants, [*every, "parameters"], "table_of_variants", name="compare_variants"),
            node(
                summarise_variants,
                ["table_of_variants", "example", "parameters"],
                "summary",
                name="summarise_variants",
            ),
            node(plot_variants, ["table_of_variants", "parameters"], "figure_of_variants", name="plot_variants"),
        ],
        namespace="preprocessing_ablation",
        inputs={*POSTS},
        parameters="parameters",
        tags="preprocessing_ablation",
    )


def _one_way(variant: Variant) -> Pipeline:
    encode = update_wrapper(partial(encode_variant, variant), encode_variant)
    return Pipeline(
        [
            node(encode, [*POSTS, "parameters"], ENCODED, name="encode_variant", tags="device"),
            node(
                fit_variant,
                [*POSTS, *ENCODED, "parameters"],
                ["predictions", "metrics"],
                name="fit_variant",
                tags="device",
            ),
        ],
        namespace=variant.name,
        inputs={*POSTS},
        parameters="parameters",
    )
