"""A trained model in use: the only place where texts become input and logits become labels."""

from tweet_sentiment.predictor.predictor import Backend, Inputs, Predictor

__all__ = ["Backend", "Inputs", "Predictor"]
