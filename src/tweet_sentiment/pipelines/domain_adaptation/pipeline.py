"""Wiring of domain_adaptation."""

from kedro.pipeline import Pipeline, node

from tweet_sentiment.pipelines import boxed
from tweet_sentiment.techniques.technique import SETUP

from .nodes import adapt, collect_posts

POSTS = ["read_training_posts", "split_training_posts", "split_test_posts"]
OWN = "params:domain_adaptation"


def create_pipeline() -> Pipeline:
    """Collect the posts, and adapt the encoder to them."""
    collecting, texts = [*POSTS, "params:data", "params:study", OWN], "adaptation_posts"
    adapting = {texts: texts} | SETUP | {"domain_adaptation": OWN}
    steps = [
        node(collect_posts, collecting, texts, name="collect_posts"),
        node(adapt, adapting, ["model", "curves", "training"], name="adapt", tags="device"),
    ]
    return boxed("domain_adaptation", steps, {*POSTS, "row_counts", texts}, ["domain_adaptation", "past_the_paper"])
