"""Posts to word pieces, truncated; padding happens per batch."""

import logging
from typing import TYPE_CHECKING, Any

import pandas as pd
from transformers import BatchEncoding, PreTrainedTokenizerFast

from tweet_sentiment.provenance import sha256

if TYPE_CHECKING:
    from datasets import Dataset

logger = logging.getLogger(__name__)


def encode(
    texts: list[str],
    tokenizer: PreTrainedTokenizerFast,
    max_length: int,
    hard_prompt: str = "",
    entities: list[str] | None = None,
) -> BatchEncoding:
    """Tokenize texts with the hard prompt before each.

    With ``entities``, one a text, an input is "[CLS] <entity> [SEP] <text> [SEP]", of which the text is truncated.
    "[SEP]" and the like in a text are text. Source: the paper, sections "Data collection" and "Prompt tuning".
    """
    prefixed = [before_text(hard_prompt) + text for text in texts]
    segments = (prefixed,) if entities is None else (entities, prefixed)
    truncation = "longest_first" if entities is None else "only_second"
    return tokenizer(*segments, truncation=truncation, max_length=max_length, split_special_tokens=True)


def before_text(hard_prompt: str) -> str:
    """Return what stands before each text: the prompt and a space, or nothing."""
    return f"{hard_prompt} " if hard_prompt else ""


def word_pieces(
    texts: list[str],
    tokenizer: PreTrainedTokenizerFast,
    max_length: int,
    hard_prompt: str = "",
    entities: list[str] | None = None,
) -> tuple[list[list[int]], list[bool]]:
    """Return the word pieces of each text, and whether it lost some to ``max_length``; see :func:`encode`."""
    encoded = encode(texts, tokenizer, max_length, hard_prompt, entities)
    return encoded["input_ids"], [bool(encoding.overflowing) for encoding in encoded.encodings or []]


def tokenize(
    posts: pd.DataFrame,
    tokenizer: PreTrainedTokenizerFast,
    labels: list[str],
    max_length: int,
    hard_prompt: str = "",
    second_segment: str | None = None,
) -> tuple["Dataset", int]:
    """Tokenize ``post``, with the hard prompt before it, and the column ``second_segment``; see :func:`word_pieces`.

    Returns a dataset of ``row``, ``id``, ``selection`` (if ``posts`` has it), ``label`` (position in ``labels``),
    ``input_ids`` and ``attention_mask``, of at most ``max_length`` word pieces each, and the number of posts that lost
    some by it.
    """
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()

    def pieces(batch: dict[str, list[str]]) -> dict[str, Any]:
        entities = batch[second_segment] if second_segment else None
        input_ids, cut = word_pieces(batch["post"], tokenizer, max_length, hard_prompt, entities)
        return {"input_ids": input_ids, "attention_mask": [[1] * len(ids) for ids in input_ids], "cut": cut}

    read = ["post", *([second_segment] if second_segment else [])]
    kept = [name for name in ("row", "id", "selection", *read) if name in posts]
    plain = posts[kept].assign(label=posts["label"].map(labels.index).astype("int64"))
    dataset = Dataset.from_pandas(plain, preserve_index=False).map(
        pieces,
        batched=True,
        load_from_cache_file=False,
        remove_columns=read,
        new_fingerprint=_fingerprint(plain, max_length, hard_prompt, second_segment),
    )
    truncated = int(sum(dataset["cut"]))
    return dataset.remove_columns("cut"), truncated


def _fingerprint(posts: pd.DataFrame, *settings: Any) -> str:
    """Return what ``datasets`` would find out by pickling the tokenizer, which takes longer than to tokenize."""
    rows = pd.util.hash_pandas_object(posts, index=False).to_numpy()
    return sha256(rows.tobytes() + repr(settings).encode())[:16]
