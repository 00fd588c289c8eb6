"""How posts reach a trained model: as its manifest says that they did in training."""

import pandas as pd
from datasets import Dataset

from tweet_sentiment.modeling.folders import TrainedModel
from tweet_sentiment.modeling.tokenization import tokenize


def tokens_as_trained(trained: TrainedModel, posts: pd.DataFrame, max_length: int) -> Dataset:
    """Turn posts into word pieces with the second segment that the model was trained with.

    A prompt comes from its tokenizer; see :func:`tweet_sentiment.modeling.prompts.fold`.
    """
    labels, second_segment = trained.manifest["labels"], trained.manifest.get("second_segment")
    return tokenize(posts, trained.tokenizer, labels, max_length, second_segment=second_segment)[0]
