"""A trained model in use: the one place where a text becomes input and logits become labels."""

from tweet_sentiment.predictor.predictor import Backend, Inputs, Predictor

__all__ = ["Backend", "Inputs", "Predictor"]
