"""How much each word counts in a decision: by gradients over the word pieces, or by leaving each word out in turn.

The words are those of the *cleaned* text, which the model reads: a model trained on cleaned posts never sees
the capitals, links or marks of the given text. ``" ".join`` of the words is the cleaned text with single spaces.
Source: Sundararajan, Taly and Yan, 2017, https://arxiv.org/abs/1703.01365; computed by captum.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tweet_sentiment.errors import StudyError, extra
from tweet_sentiment.modeling.batching import batches_by_length, padding_of
from tweet_sentiment.modeling.tokenization import encodings

if TYPE_CHECKING:
    import torch
    from tokenizers import Encoding

    from tweet_sentiment.predictor.predictor import Predictor

Explained = list[list[tuple[str, float]]]
STEPS = 32  # points on the way from the baseline: on real posts the sum was off by 0.02 logits at most
PIECES_AT_ONCE = 4096  # of all texts and points in one pass
LEAST = 1e-12  # a probability of 0 has no logarithm
MOST_LEFT_OUT = 128  # parts of one text, each of which costs a prediction


def by_leaving_out(ask: Callable[[list[str], list[int]], NDArray[np.float64]], texts: Sequence[str]) -> Explained:
    """Return each word of each text with its share in the decision; see ``shares``.

    The decision is the log-probability of the label minus the mean over all labels, as for the other models; a word
    adds what the decision loses without it. In a text of more than ``MOST_LEFT_OUT`` words neighbours are left out
    together, with equal shares. ``ask`` gets texts and, for each, the position in ``texts`` that it comes from; it
    returns probabilities of shape (texts, classes).
    """
    return [_without_each(ask, text.split(), position) for position, text in enumerate(texts)]


def _without_each(
    ask: Callable[[list[str], list[int]], NDArray[np.float64]], words: list[str], position: int
) -> list[tuple[str, float]]:
    parts = max(1, min(len(words), MOST_LEFT_OUT))
    ends = np.arange(parts + 1) * len(words) // parts
    variants = [" ".join(words), *(" ".join(words[:start] + words[end:]) for start, end in pairwise(ends))]
    logarithms = np.log(ask(variants, [position] * len(variants)).clip(min=LEAST))
    decision = (logarithms - logarithms.mean(axis=1, keepdims=True))[:, logarithms[0].argmax()]
    sizes = np.diff(ends)
    return shares(words, np.repeat((decision[0] - decision[1:]) / np.maximum(sizes, 1), sizes))


def shares(words: Sequence[str], attribution: NDArray[np.float64]) -> list[tuple[str, float]]:
    """Return each word with its share in the decision: above 0 for the label, below 0 against it.

    The absolute values sum to 1 (or are all 0 if no word counts).
    """
    total = float(np.abs(attribution).sum())
    parts = attribution / total if total > 0 else attribution
    return [(word, float(part)) for word, part in zip(words, parts, strict=True)]


@dataclass(frozen=True)
class Pieces:
    """A cleaned text as word pieces, and the word of each piece (-1: a special piece or the prompt)."""

    words: list[str]
    input_ids: list[int]
    word_of_piece: list[int]


def by_gradients(predictor: "Predictor", cleaned: list[str], entities: list[str] | None) -> Explained:
    """Return the words of each cleaned text with their shares, by integrated gradients.

    Raises:
        StudyError: the model is an exported one.
    """
    if not predictor.explains:
        raise StudyError("An ONNX model has no gradients for an explanation: load the folder it was exported from.")
    if not cleaned:
        return []
    backend: Any = predictor.backend
    encoded = encodings(cleaned, predictor.tokenizer, predictor.input.most_pieces, entities=entities)
    pieces = split_into_pieces(encoded, cleaned, 0 if entities is None else 1)
    found = attributions(backend.in_fp32, pieces)
    return [shares(one.words, each) for one, each in zip(pieces, found, strict=True)]


def split_into_pieces(encoded: Sequence["Encoding"], texts: Sequence[str], segment: int = 0) -> list[Pieces]:
    """Return the word of the cleaned text that each word piece belongs to, from the tokenizer's offsets.

    ``segment`` is the segment of the texts. Words are separated by spaces and include their punctuation.
    """
    pieces = []
    for text, one in zip(texts, encoded, strict=True):
        starts = [word.start() for word in re.finditer(r"\S+", text)]
        places = zip(one.sequence_ids, one.offsets, strict=True)
        belongs = [bisect_right(starts, end - 1) - 1 if of == segment else -1 for of, (_, end) in places]
        pieces.append(Pieces(re.findall(r"\S+", text), one.ids, belongs))
    return pieces


def attributions(model: Any, pieces: Sequence[Pieces], steps: int = STEPS) -> list[NDArray[np.float64]]:
    """Return what each word adds to the decision: one array of shape (words,) per text, in logits, in fp32.

    The decision is the highest logit minus the mean of all, since only differences of logits count. The baseline is
    the same text with the pieces of its words replaced by [PAD]; special pieces and the prompt, hard or soft, stay.
    So the sum over the words is the decision on the text minus that on the baseline (completeness), but for the error
    of ``steps`` points. A word that was cut off adds nothing.

    Raises:
        StudyError: an attribution is not finite.
    """
    import torch

    from tweet_sentiment.modeling.prediction import pad

    found: list[NDArray[np.float64]] = [np.zeros(len(one.words)) for one in pieces]
    embedding, padding = model.get_input_embeddings(), padding_of(model.config)
    device = embedding.weight.device
    lengths = [len(one.input_ids) for one in pieces]
    for rows in batches_by_length(lengths, PIECES_AT_ONCE // steps):
        few = [pieces[i] for i in rows]
        padded = pad([one.input_ids for one in few], **padding)
        batch = {name: tensor.to(device) for name, tensor in padded.items()}
        of_words = torch.zeros_like(batch["input_ids"], dtype=torch.bool)
        for row, one in enumerate(few):
            of_words[row, : len(one.word_of_piece)] = torch.tensor(one.word_of_piece) >= 0
        with torch.no_grad():
            actual = embedding(batch["input_ids"])
            baseline = embedding(batch.pop("input_ids").masked_fill(of_words, padding["padding_id"]))
        for i, of_pieces in zip(rows, _integrate(model, actual, baseline, batch, steps), strict=True):
            words = np.array(pieces[i].word_of_piece)
            np.add.at(found[i], words[words >= 0], of_pieces[: len(words)][words >= 0])
    if not all(np.isfinite(one).all() for one in found):
        raise StudyError("The model gave gradients that are not finite: its weights are damaged, or it diverged.")
    return found


def _integrate(
    model: Any, actual: "torch.Tensor", baseline: "torch.Tensor", beside: "dict[str, torch.Tensor]", steps: int
) -> NDArray[np.float64]:
    """Return attributions of shape (texts, pieces) for word-piece vectors of shape (texts, pieces, dim)."""
    with extra("explain", "An explanation"):
        from captum.attr import IntegratedGradients
    import torch

    def decision(vectors: "torch.Tensor", *beside_them: "torch.Tensor") -> "torch.Tensor":
        logits = model(inputs_embeds=vectors, **dict(zip(beside, beside_them, strict=True))).logits.float()
        return logits - logits.mean(dim=1, keepdim=True)

    with torch.no_grad():
        target = decision(actual, *beside.values()).argmax(dim=1)
    with torch.enable_grad():
        integrated = IntegratedGradients(decision).attribute(
            actual, baseline, target=target, additional_forward_args=(*beside.values(),), n_steps=steps
        )
    return integrated.sum(dim=2).double().cpu().numpy()
