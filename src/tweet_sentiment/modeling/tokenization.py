"""Posts to word pieces, truncated; padding happens per batch."""

import logging
from typing import TYPE_CHECKING, Any

import pandas as pd
from transformers import PreTrainedTokenizerFast

if TYPE_CHECKING:
    from datasets import Dataset

logger = logging.getLogger(__name__)


def word_pieces(
    texts: list[str],
    tokenizer: PreTrainedTokenizerFast,
    max_length: int,
    hard_prompt: str = "",
    second: list[str] | None = None,
) -> tuple[list[list[int]], list[bool]]:
    """Return the word pieces of each text, with the hard prompt before it, and whether it lost some to ``max_length``.

    ``second`` holds a second segment a text, which is kept whole. "[SEP]" and the like in a text are text.
    Source: the paper, sections "Data collection" and "Prompt tuning".
    """
    prefix = f"{hard_prompt} " if hard_prompt else ""
    encoded = tokenizer(
        [prefix + text for text in texts],
        second,
        truncation=True if second is None else "only_first",
        max_length=max_length,
        split_special_tokens=True,
    )
    return encoded["input_ids"], [bool(encoding.overflowing) for encoding in encoded.encodings]


def tokenize(
    posts: pd.DataFrame, tokenizer: PreTrainedTokenizerFast, labels: list[str], max_length: int, hard_prompt: str = ""
) -> tuple["Dataset", int]:
    """Tokenize ``post``, with the hard prompt before it; see :func:`word_pieces`.

    Returns a dataset of ``row``, ``id``, ``selection`` (if ``posts`` has it), ``label`` (position in ``labels``),
    ``input_ids`` and ``attention_mask``, of at most ``max_length`` word pieces each, and the number of posts that lost
    some by it.
    """
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()

    def pieces(batch: dict[str, list[str]]) -> dict[str, Any]:
        input_ids, cut = word_pieces(batch["post"], tokenizer, max_length, hard_prompt)
        return {"input_ids": input_ids, "attention_mask": [[1] * len(ids) for ids in input_ids], "cut": cut}

    kept = [name for name in ("row", "id", "post", "selection") if name in posts]
    plain = posts[kept].assign(label=posts["label"].map(labels.index).astype("int64"))
    dataset = Dataset.from_pandas(plain, preserve_index=False).map(
        pieces, batched=True, load_from_cache_file=False, remove_columns=["post"]
    )
    truncated = int(sum(dataset["cut"]))
    return dataset.remove_columns("cut"), truncated
