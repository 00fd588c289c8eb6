"""Posts to word pieces, truncated; padding happens per batch."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Encoding, Tokenizer

from tweet_sentiment.errors import StudyError
from tweet_sentiment.storage import sha256

if TYPE_CHECKING:
    import pandas as pd
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast

    from tweet_sentiment.modeling.model_folder import TrainedModel

FILE = "tokenizer.json"
VIRTUAL = "[virtual "  # followed by a number: the tokens of a soft prompt in a model's own vocabulary
TEXTS = ("$A", "$B")  # what stands for the two texts of an input
UNKNOWN = ("[UNK]", "<unk>")
PROBE = "the worst thing is not the price"


def read_tokenizer(folder: Path) -> Tokenizer:
    """Read the tokenizer of a model folder, with which the model was trained, without transformers.

    Raises:
        StudyError: its file cannot be read, or its vocabulary is not whole.
    """
    try:
        tokenizer = Tokenizer.from_file(str(folder / FILE))
    except Exception as error:  # tokenizers raises no narrower one
        raise StudyError(f"{folder}: {FILE} cannot be read, it is missing or damaged: {error}") from error
    check_vocabulary(tokenizer, folder)
    return tokenizer


def check_vocabulary(tokenizer: "Tokenizer | PreTrainedTokenizerFast", folder: Path) -> None:
    """Refuse a tokenizer that does not know ordinary words.

    Raises:
        StudyError: its vocabulary is not whole.
    """
    inner = _inner(tokenizer)
    unknown, one = {getattr(inner.model, "unk_token", None), *UNKNOWN}, inner.encode(PROBE)
    pieces = [piece for part in (one, *one.overflowing) for piece in zip(part.tokens, part.offsets, strict=True)]
    known = [span for token, span in pieces if token not in unknown]
    if not all(any(start <= at < end for start, end in known) for at, letter in enumerate(PROBE) if letter != " "):
        raise StudyError(f"{folder}: its tokenizer does not know the words of '{PROBE}'; its vocabulary is not whole.")


def layout(tokenizer: "Tokenizer | PreTrainedTokenizerFast", pair: bool = False) -> list[tuple[str, int]]:
    """Return the template of an input of one text or two: special tokens, ``$A`` and ``$B``, each with its type."""
    one, parts = _inner(tokenizer).encode("a", "a" if pair else None), []
    for token, kind, text in zip(one.tokens, one.type_ids, one.sequence_ids, strict=True):
        part = (token if text is None else TEXTS[text], kind)
        if text is None or part not in parts:
            parts.append(part)
    return parts


def _inner(tokenizer: "Tokenizer | PreTrainedTokenizerFast") -> Tokenizer:
    return tokenizer if isinstance(tokenizer, Tokenizer) else tokenizer.backend_tokenizer


def encodings(
    texts: list[str],
    tokenizer: "Tokenizer | PreTrainedTokenizerFast",
    max_length: int,
    hard_prompt: str = "",
    entities: list[str] | None = None,
) -> list[Encoding]:
    """Tokenize texts with the hard prompt before each; nothing is padded, and virtual tokens come on top.

    With ``entities``, one per text, an input is a pair, "[CLS] <entity> [SEP] <text> [SEP]" or as the tokenizer joins
    them, of which the text is truncated. "[SEP]" and the like in a text are text.
    Source: the paper, sections "Data collection" and "Prompt tuning".
    """
    inner = _inner(tokenizer)
    truncation: dict[str, Any] = {
        "max_length": max_length + virtual_tokens(inner),
        "strategy": "longest_first" if entities is None else "only_second",
    }
    if not truncation.items() <= (inner.truncation or {}).items():  # not while another thread tokenizes
        inner.enable_truncation(**truncation)
    if inner.padding is not None:
        inner.no_padding()
    if not inner.encode_special_tokens:
        inner.encode_special_tokens = True
    prefixed = [f"{hard_prompt} {text}" for text in texts] if hard_prompt else texts
    return inner.encode_batch(prefixed if entities is None else list(zip(entities, prefixed, strict=True)))


def virtual_tokens(tokenizer: "Tokenizer | PreTrainedTokenizerFast") -> int:
    """Return the number of virtual tokens that the tokenizer puts before each text."""
    return sum(token.startswith(VIRTUAL) for token in _inner(tokenizer).encode("").tokens)


def word_pieces(
    texts: list[str],
    tokenizer: "Tokenizer | PreTrainedTokenizerFast",
    max_length: int,
    hard_prompt: str = "",
    entities: list[str] | None = None,
) -> tuple[list[list[int]], list[bool]]:
    """Return the word pieces of each text, and whether it lost some to ``max_length``; see ``encodings``."""
    encoded = encodings(texts, tokenizer, max_length, hard_prompt, entities)
    return [one.ids for one in encoded], [bool(one.overflowing) for one in encoded]


def tokenize(
    posts: "pd.DataFrame",
    tokenizer: "Tokenizer | PreTrainedTokenizerFast",
    labels: list[str],
    max_length: int,
    hard_prompt: str = "",
    second_segment: str | None = None,
) -> tuple["Dataset", int]:
    """Tokenize ``post``, with the hard prompt before it, and the column ``second_segment``; see ``word_pieces``.

    Returns a dataset of ``row``, ``id``, ``dev`` (if ``posts`` has it), ``label`` (position in ``labels``),
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
    kept = [name for name in ("row", "id", "dev", *read) if name in posts]
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


def tokens_as_trained(trained: "TrainedModel", posts: "pd.DataFrame", max_length: int) -> "Dataset":
    """Turn posts into word pieces with the second segment that the model was trained with.

    A prompt comes from its tokenizer; see ``modeling.soft_prompts.fold``.
    """
    labels, second_segment = trained.manifest["labels"], trained.manifest.get("second_segment")
    return tokenize(posts, trained.tokenizer, labels, max_length, second_segment=second_segment)[0]


def _fingerprint(posts: "pd.DataFrame", *settings: Any) -> str:
    """Return a fingerprint for ``datasets``, which would pickle the tokenizer, slower than tokenizing."""
    import pandas as pd

    rows = pd.util.hash_pandas_object(posts, index=False).to_numpy()
    return sha256(rows.tobytes() + repr(settings).encode())[:16]
