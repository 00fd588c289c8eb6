"""The speed wing: the same results with less work. It can be deleted: see ``modeling.speed``.

It imports only torch. Importing transformers takes twice as long as torch itself and more memory than the weights:
it would be most of the cost of one ``kedro predict``.
"""

from tweet_sentiment.modeling.fast.blocks import forward
from tweet_sentiment.modeling.fast.distilbert import network_of
from tweet_sentiment.modeling.fast.head import HeadStep

__all__ = ["HeadStep", "forward", "network_of"]
