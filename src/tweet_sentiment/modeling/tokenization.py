"""Posts to word pieces, truncated; padding happens per batch."""

import logging
from typing import Any

import pandas as pd
from datasets import Dataset, disable_progress_bars
from transformers import PreTrainedTokenizerFast

logger = logging.getLogger(__name__)


def tokenize(
    posts: pd.DataFrame,
    tokenizer: PreTrainedTokenizerFast,
    labels: list[str],
    max_length: int,
    hard_prompt: str = "",
    second_segment: str | None = None,
) -> tuple[Dataset, int]:
    """Tokenize ``post``, with the hard prompt before it (paper, sections "Data collection" and "Prompt tuning").

    With a ``second_segment``, the name of a column such as ``entity``, a post is "[CLS] <entity> [SEP] <post> [SEP]".

    Returns a dataset of ``row``, ``id``, ``selection`` (if ``posts`` has it), ``label`` (position in ``labels``),
    ``input_ids`` and ``attention_mask``, of at most ``max_length`` word pieces each, and the number of posts that lost
    some by it.
    """
    disable_progress_bars()
    prefix = f"{hard_prompt} " if hard_prompt else ""

    def pieces(batch: dict[str, list[str]]) -> dict[str, Any]:
        texts = [prefix + post for post in batch["post"]]
        if second_segment:
            encoded = tokenizer(batch[second_segment], texts, truncation="only_second", max_length=max_length)
        else:
            encoded = tokenizer(texts, truncation=True, max_length=max_length)
        cut = [bool(encoding.overflowing) for encoding in encoded.encodings]
        return {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"], "cut": cut}

    read = ["post", *([second_segment] if second_segment else [])]
    kept = [name for name in ("row", "id", "selection", *read) if name in posts]
    plain = posts[kept].assign(label=posts["label"].map(labels.index).astype("int64"))
    dataset = Dataset.from_pandas(plain, preserve_index=False).map(
        pieces, batched=True, load_from_cache_file=False, remove_columns=read
    )
    truncated = int(sum(dataset["cut"]))
    return dataset.remove_columns("cut"), truncated
