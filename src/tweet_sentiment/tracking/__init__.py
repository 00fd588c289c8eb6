"""Tells MLflow and TensorBoard what a run saves, if the parameters ask for it; imports neither otherwise."""

from tweet_sentiment.tracking.hook import Track

__all__ = ["Track"]
