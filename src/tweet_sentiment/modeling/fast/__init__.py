"""The speed wing: the same results with less work, for DistilBERT. It can be deleted: see ``modeling.speed``.

Torch alone is imported. To import transformers takes twice as long as torch itself and more memory than the weights:
most of what one ``kedro predict`` costs.
"""

from tweet_sentiment.modeling.fast.distilbert import forward, network_of
from tweet_sentiment.modeling.fast.head import HeadStep

__all__ = ["HeadStep", "forward", "network_of"]
