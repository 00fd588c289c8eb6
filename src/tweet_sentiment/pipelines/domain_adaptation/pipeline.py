"""Wiring of domain_adaptation."""

from kedro.pipeline import Pipeline, node

from .nodes import adapt, collect_posts

POSTS = ["read_training_posts", "split_training_posts", "split_test_posts"]


def create_pipeline() -> Pipeline:
    """Collect the posts, and adapt the encoder to them."""
    return Pipeline(
        [
            node(collect_posts, [*POSTS, "parameters"], "adaptation_posts", name="collect_posts"),
            node(
                adapt,
                ["adaptation_posts", "row_counts", "working_folder", "parameters"],
                ["model", "curves", "training"],
                name="adapt",
                tags="device",
            ),
        ],
        namespace="domain_adaptation",
        inputs={*POSTS, "row_counts"},
        outputs={"adaptation_posts"},
        parameters="parameters",
        tags=["domain_adaptation", "past_the_paper"],
    )
