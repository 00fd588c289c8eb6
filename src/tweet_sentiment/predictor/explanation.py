"""Which words spoke for a decision: integrated gradients over the word pieces, summed to words.

The words are those of the *cleaned* text, which is what the model reads: a model trained on cleaned posts never sees
the capitals, links or marks of the text as given. ``" ".join`` of the words is the cleaned text, its spaces set to one.
Source: Sundararajan, Taly and Yan, 2017, https://arxiv.org/abs/1703.01365; computed by captum.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding

from tweet_sentiment.errors import StudyError
from tweet_sentiment.extras import extra
from tweet_sentiment.modeling.batching import pad
from tweet_sentiment.modeling.by_length import batches_by_length
from tweet_sentiment.modeling.prediction import TorchBackend
from tweet_sentiment.modeling.tokenization import before_text, encode
from tweet_sentiment.predictor.leaving_out import Explained, shares

if TYPE_CHECKING:
    from tweet_sentiment.predictor.predictor import Predictor

STEPS = 32  # points on the way from the baseline: on real posts the sum was off by 0.02 logits at most
PIECES_AT_ONCE = 4096  # of all texts and points in one pass


@dataclass(frozen=True)
class Pieces:
    """A cleaned text as word pieces, and to which of its words each belongs (-1: a special piece or the prompt)."""

    words: list[str]
    input_ids: list[int]
    word_of_piece: list[int]


def explain(predictor: "Predictor", cleaned: list[str], entities: list[str] | None) -> Explained:
    """Return the words of each cleaned text with their shares; see :meth:`Predictor.explain`.

    Raises:
        StudyError: the model is an exported one.
    """
    if not isinstance(predictor.backend, TorchBackend):
        raise StudyError("An ONNX model has no gradients to explain by: load the folder it was exported from.")
    if not cleaned:
        return []
    tokenizer, settings = predictor.tokenizer, predictor.input
    encoded = encode(cleaned, tokenizer, settings.most_pieces, settings.hard_prompt, entities)
    pieces = split_into_pieces(encoded, cleaned, before_text(settings.hard_prompt), 0 if entities is None else 1)
    found = attributions(predictor.backend.in_fp32, pieces, predictor.backend.padding_id)
    return [shares(one.words, each) for one, each in zip(pieces, found, strict=True)]


def split_into_pieces(encoded: Sequence[Encoding], texts: Sequence[str], prefix: str, segment: int = 0) -> list[Pieces]:
    """Say of each word piece to which word of the cleaned text it belongs, from what the tokenizer says of it.

    ``prefix`` stood before each text (the hard prompt with its space, or ""); ``segment`` is the one of the texts. A
    word is what stands between spaces, its marks included.
    """
    return [_pieces(text, len(prefix), one, segment) for text, one in zip(texts, encoded, strict=True)]


def _pieces(text: str, shift: int, encoding: Encoding, segment: int) -> Pieces:
    spans = [match.span() for match in re.finditer(r"\S+", text)]
    starts = [start + shift for start, _ in spans]
    belongs = [
        bisect_right(starts, start) - 1 if its == segment and start >= shift else -1
        for its, (start, _) in zip(encoding.sequence_ids, encoding.offsets, strict=True)
    ]
    return Pieces([text[start:end] for start, end in spans], encoding.ids, belongs)


def attributions(
    model: Any, pieces: Sequence[Pieces], padding_id: int, steps: int = STEPS
) -> list[NDArray[np.float64]]:
    """Return what each word adds to the decision, one array of (words,) a text, in logits, in fp32.

    The decision is the highest logit less the mean of all, since logits count only against each other. The baseline
    is the same text with the pieces of its words replaced by [PAD]; special pieces and the prompt, hard or soft, stay.
    So the sum over the words is the decision on the text less that on the baseline (completeness), but for the error
    of ``steps`` points. A word that was cut off adds nothing.

    Raises:
        StudyError: an attribution is not finite.
    """
    found: list[NDArray[np.float64]] = [np.zeros(len(one.words)) for one in pieces]
    embedding = model.get_input_embeddings()
    device = embedding.weight.device
    lengths = [len(one.input_ids) for one in pieces]
    for rows in batches_by_length(lengths, PIECES_AT_ONCE // steps):
        few = [pieces[i] for i in rows]
        padded = pad([one.input_ids for one in few], padding_id, multiple=1)
        batch = {name: tensor.to(device) for name, tensor in padded.items()}
        of_words = torch.zeros_like(batch["input_ids"], dtype=torch.bool)
        for row, one in enumerate(few):
            of_words[row, : len(one.word_of_piece)] = torch.tensor(one.word_of_piece) >= 0
        with torch.no_grad():
            actual = embedding(batch["input_ids"])
            baseline = embedding(batch["input_ids"].masked_fill(of_words, padding_id))
        for i, of_pieces in zip(rows, _integrate(model, actual, baseline, batch["attention_mask"], steps), strict=True):
            np.add.at(found[i], *_by_word(pieces[i], of_pieces))
    if not all(np.isfinite(one).all() for one in found):
        raise StudyError("The model gave gradients that are not finite: its weights are damaged, or it diverged.")
    return found


def _by_word(one: Pieces, of_pieces: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    words = np.array(one.word_of_piece)
    return words[words >= 0], of_pieces[: len(words)][words >= 0]


def _integrate(
    model: Any, actual: torch.Tensor, baseline: torch.Tensor, mask: torch.Tensor, steps: int
) -> NDArray[np.float64]:
    """Return attributions of shape (texts, pieces) for word-piece vectors of shape (texts, pieces, dim)."""
    with extra("explain", "An explanation"):
        from captum.attr import IntegratedGradients

    def decision(vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        logits = model(inputs_embeds=vectors, attention_mask=mask).logits.float()
        return logits - logits.mean(dim=1, keepdim=True)

    with torch.no_grad():
        target = decision(actual, mask).argmax(dim=1)
    with torch.enable_grad():
        integrated = IntegratedGradients(decision).attribute(
            actual, baseline, target=target, additional_forward_args=(mask,), n_steps=steps
        )
    return integrated.sum(dim=2).double().cpu().numpy()
