"""Wiring of domain_adaptation."""

from kedro.pipeline import Pipeline, node

from tweet_sentiment.techniques.technique import SETUP, SHARED

from .nodes import adapt, collect_posts

POSTS = ["read_training_posts", "split_training_posts", "split_test_posts"]
OWN = "params:domain_adaptation"


def create_pipeline() -> Pipeline:
    """Collect the posts, and adapt the encoder to them."""
    collecting = [*POSTS, "params:data", "params:study", OWN]
    return Pipeline(
        [
            node(collect_posts, collecting, "adaptation_posts", name="collect_posts"),
            node(
                adapt,
                {"adaptation_posts": "adaptation_posts"} | SETUP | {"domain_adaptation": OWN},
                ["model", "curves", "training"],
                name="adapt",
                tags="device",
            ),
        ],
        namespace="domain_adaptation",
        inputs={*POSTS, "row_counts"},
        outputs={"adaptation_posts"},
        parameters={*SHARED, "params:data", OWN},
        tags=["domain_adaptation", "past_the_paper"],
    )
