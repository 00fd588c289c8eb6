"""How posts reach a trained model: as its manifest says that they did in training."""

import pandas as pd
from datasets import Dataset

from tweet_sentiment.modeling.folders import TrainedModel
from tweet_sentiment.modeling.tokenization import tokenize


def tokens_as_trained(trained: TrainedModel, posts: pd.DataFrame, max_length: int) -> Dataset:
    """Turn posts into word pieces with the hard prompt and the second segment that the model was trained with."""
    manifest = trained.manifest
    hard_prompt, second_segment = manifest.get("hard_prompt", ""), manifest.get("second_segment")
    return tokenize(posts, trained.tokenizer, manifest["labels"], max_length, hard_prompt, second_segment)[0]
