"""What each word adds: complete, aligned with the words, blind to what is not the post's."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.model_folder import load_model
from tweet_sentiment.modeling.prediction import TorchBackend, pad
from tweet_sentiment.modeling.tokenization import encodings
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.predictor.explanation import MOST_LEFT_OUT, attributions, by_leaving_out, shares, split_into_pieces

POSTS = ["I love it, best game in years!", "So bad... it KEEPS crashing http://x.yz #fail", "ok", "we play at nine"]
MANY_STEPS = 200  # the tiny models are made sharp, so the way from the baseline is anything but straight
LOGITS, SHARE = 2e-3, 0.02  # how far the sum may be off: so many logits and this share of the difference


def pieces_of(predictor, texts):
    """Return the pieces of texts as the predictor reads them."""
    cleaned = predictor.cleaned(texts)
    return split_into_pieces(encodings(cleaned, predictor.tokenizer, 128), cleaned)


def decision(model, rows, mask_of, target=None):
    """Return the highest logit less the mean of all (or that of ``target``), and its class."""
    batch = pad(rows, 0) | {"attention_mask": pad(mask_of, 0)["attention_mask"]}
    with torch.no_grad():
        logits = model(**batch).logits
    relative = (logits - logits.mean(dim=1, keepdim=True)).numpy()
    target = relative.argmax(axis=1) if target is None else target
    return relative[np.arange(len(rows)), target], target


@pytest.mark.parametrize("name", ["predictor", "prompted"])
def test_the_words_add_up_to_the_decision_less_that_on_the_baseline(request, name):
    predictor = request.getfixturevalue(name)
    pieces = pieces_of(predictor, POSTS)
    found = attributions(predictor.backend.model, pieces, MANY_STEPS)
    rows = [one.input_ids for one in pieces]
    blank = [
        [0 if word >= 0 else piece for piece, word in zip(one.input_ids, one.word_of_piece, strict=True)]
        for one in pieces
    ]
    actual, target = decision(predictor.backend.model, rows, rows)
    baseline, _ = decision(predictor.backend.model, blank, rows, target)
    assert np.abs(actual - baseline).max() > 0.05  # or there is nothing to explain
    np.testing.assert_allclose([one.sum() for one in found], actual - baseline, atol=LOGITS, rtol=SHARE)


@pytest.mark.parametrize("name", ["predictor", "prompted"])
def test_each_word_of_the_cleaned_text_is_there_once_and_in_order(request, name):
    predictor = request.getfixturevalue(name)
    for text, words in zip(POSTS, predictor.explain(POSTS), strict=True):
        assert [word for word, _ in words] == predictor.cleaned([text])[0].split()
        assert sum(abs(share) for _, share in words) == pytest.approx(1)


def test_the_hard_prompt_and_special_pieces_get_no_share(prompted):
    (one,) = pieces_of(prompted, ["I love it"])
    said = [
        prompted.tokenizer.decode([piece])
        for piece, word in zip(one.input_ids, one.word_of_piece, strict=True)
        if word >= 0
    ]
    assert said == ["i", "love", "it"]
    assert one.words == ["I", "love", "it"]


def test_a_word_of_several_pieces_has_the_sum_of_them(predictor):
    (one,) = pieces_of(predictor, ["unfathomably good"])
    assert one.word_of_piece.count(0) > 1
    (found,) = attributions(predictor.backend.model, [one])
    single = one.__class__(
        ["piece"] * len(one.input_ids),
        one.input_ids,
        [i if word >= 0 else -1 for i, word in enumerate(one.word_of_piece)],
    )
    (by_piece,) = attributions(predictor.backend.model, [single])
    np.testing.assert_allclose(found, [by_piece[1 : 1 + one.word_of_piece.count(0)].sum(), by_piece[-2]], atol=1e-5)


def test_an_explanation_does_not_hang_on_the_posts_beside_it(predictor):
    together = predictor.explain([*POSTS, " ".join(["never"] * 100)])
    for text, words in zip(POSTS, together, strict=False):
        (alone,) = predictor.explain([text])
        np.testing.assert_allclose([s for _, s in words], [s for _, s in alone], atol=2e-3)


def test_words_beyond_what_the_model_reads_have_no_share(predictor):
    (words,) = predictor.explain([" ".join(["good"] * 200)])
    assert len(words) == 200
    read = predictor.input.max_length - 2  # [CLS] and [SEP]
    assert all(share == 0 for _, share in words[read:])
    assert all(share != 0 for _, share in words[:read])


def test_a_text_of_which_cleaning_leaves_nothing_has_no_words(cleaning_predictor):
    assert cleaning_predictor.explain(["http://x.yz", " "]) == [[], []]
    assert cleaning_predictor.explain([]) == []


def test_an_entity_is_no_word_of_the_text(predictor):
    encoded = encodings(["i love it"], predictor.tokenizer, 128, "", ["love game"])
    (one,) = split_into_pieces(encoded, ["i love it"], segment=1)
    assert one.word_of_piece == [-1, -1, -1, -1, 0, 1, 2, -1]


def test_a_model_in_bf16_is_explained_in_fp32_by_its_own_weights(plain_folder):
    trained, device = load_model(plain_folder), Device("cpu", "bf16")
    backend = TorchBackend(trained.model, device)
    predictor = Predictor(trained.tokenizer, trained.manifest, backend)
    assert {p.dtype for p in backend.in_fp32.parameters()} == {torch.float32}
    assert torch.equal(backend.in_fp32.classifier.weight, backend.model.classifier.weight.float())
    (words,) = predictor.explain(["I love it"])
    assert len(words) == 3


def test_the_table_and_the_records_have_the_words_when_asked(predictor):
    table = predictor(POSTS, explain=True)
    assert "words" not in predictor(POSTS)
    records = predictor.records(POSTS, explain=True)
    assert [[(one["word"], one["share"]) for one in record["words"]] for record in records] == list(table["words"])
    assert [record["label"] for record in records] == list(table["label"])


def test_a_text_at_fault_is_named(predictor):
    with pytest.raises(StudyError, match=r"texts\[1\]: the text is empty"):
        predictor.records(["fine", " "], explain=True)


def test_gradients_that_are_not_finite_are_an_error_and_no_share(settings, tmp_path):
    from tests.predictor.conftest import save_plain

    predictor = Predictor.load(save_plain(settings, tmp_path / "model"), device="cpu", precision="fp32")
    with torch.no_grad():
        predictor.backend.model.classifier.weight[0, 0] = float("nan")
    with pytest.raises(StudyError, match="not finite"):
        predictor.explain(["I love it"])


@given(st.lists(st.floats(-1e6, 1e6), max_size=20))
def test_shares_are_signed_and_sum_to_one_or_are_all_zero(numbers):
    found = [share for _, share in shares(["w"] * len(numbers), np.array(numbers, dtype=float))]
    total = sum(abs(share) for share in found)
    assert total == pytest.approx(1) or (total == 0 and not any(numbers))
    assert all(share * number >= 0 for share, number in zip(found, numbers, strict=True))


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60), min_size=1, max_size=4
    )
)
def test_pieces_of_any_text_belong_to_words_in_order(predictor, texts):
    for one, text in zip(split_into_pieces(encodings(texts, predictor.tokenizer, 128), texts), texts, strict=True):
        assert one.words == text.split()
        belongs = [word for word in one.word_of_piece if word >= 0]
        assert belongs == sorted(belongs)
        assert all(word < len(one.words) for word in belongs)


@given(st.integers(0, 5 * MOST_LEFT_OUT), st.data())
def test_what_a_long_text_costs_is_bounded_and_the_word_that_decides_stands_out(length, data):
    decides = data.draw(st.integers(0, max(0, length - 1)))
    words = ["good" if place == decides else "so" for place in range(length)]
    asked = []

    def ask(texts, positions):
        asked.extend(texts)
        return np.array([[0.9, 0.1] if "good" in text else [0.5, 0.5] for text in texts])

    (found,) = by_leaving_out(ask, [" ".join(words)])
    assert len(asked) <= MOST_LEFT_OUT + 1
    assert [word for word, _ in found] == words
    assert sum(abs(share) for _, share in found) == pytest.approx(1 if length else 0)
    told = [place for place, (_, share) in enumerate(found) if share]
    assert not length or (decides in told and len(told) <= -(-length // MOST_LEFT_OUT))
