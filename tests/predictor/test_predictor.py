"""The predictor gives what the model gives, to the text as it was in training, in the order of the texts."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.predictor.conftest import HARD_PROMPT, save_plain

from tweet_sentiment.data.cleaning import clean_as_intended
from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.model_folder import load_model
from tweet_sentiment.modeling.prediction import predictions_table
from tweet_sentiment.modeling.tokenization import tokenize
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.scoring.metrics import softmax

POSTS = [
    "I love it, best game in years!",
    "So bad... the worst update of all, it KEEPS crashing http://x.yz #fail",
    "we play at nine",
    "ok",
    "Thank you all for the great evening 🤣 &amp; the music",
]


def by_transformers(folder, texts):
    """Return the probabilities as transformers itself gives them, one text at a time."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        logits = [model(**tokenizer(text, return_tensors="pt")).logits for text in texts]
    return softmax(torch.cat(logits).numpy())


@pytest.mark.parametrize(("name", "clean"), [("predictor", str), ("cleaning_predictor", clean_as_intended)])
def test_it_gives_what_transformers_gives_to_each_cleaned_text(request, plain_folder, name, clean):
    predictor = request.getfixturevalue(name)
    expected = by_transformers(plain_folder, [clean(text) for text in POSTS])
    assert np.ptp(expected, axis=0).max() > 0.05  # or the order could not be seen
    np.testing.assert_allclose(predictor.probabilities(POSTS), expected, atol=1e-5)
    np.testing.assert_allclose(predictor.probabilities(POSTS[::-1]), expected[::-1], atol=1e-5)


@pytest.mark.parametrize("name", ["plain_folder", "prompted_folder", "prompted_cls_folder"])
def test_predictions_equal_those_that_training_stores(request, settings, name):
    folder = request.getfixturevalue(name)
    predictor = Predictor.load(folder, device="cpu", precision="fp32")
    trained = load_model(folder)
    cleaned = pd.DataFrame({"row": range(5), "id": list("abcde"), "label": settings.labels[0]})
    cleaned["post"] = POSTS
    tokens, _ = tokenize(cleaned, trained.tokenizer, settings.labels, settings.model.max_length)
    stored = predictions_table(trained, tokens, predictor.backend.device, settings.model)
    given = predictor(POSTS)
    assert list(given["label"]) == list(stored["predicted"])
    columns = [f"probability_{label}" for label in predictor.labels]
    np.testing.assert_allclose(given[columns], stored[columns], atol=1e-6)


def test_the_hard_prompt_stands_before_every_text(prompted):
    (ids,) = prompted.inputs(["Ok"]).input_ids
    assert prompted.tokenizer.decode(ids, skip_special_tokens=True) == f"{HARD_PROMPT} ok".lower().replace(":", " :")


def test_the_table_and_the_records_say_the_same(predictor):
    table, records = predictor(POSTS), predictor.records(POSTS)
    columns = [f"probability_{label}" for label in predictor.labels]
    assert list(table.columns) == ["text", "label", *columns]
    assert [r["text"] for r in records] == list(table["text"]) == POSTS
    assert [r["label"] for r in records] == list(table["label"])
    assert [list(r["probabilities"].values()) for r in records] == table[columns].to_numpy().tolist()
    for record in records:
        assert record["label"] == max(record["probabilities"], key=record["probabilities"].get)
        assert sum(record["probabilities"].values()) == pytest.approx(1)


def test_the_cleaning_is_the_one_in_the_manifest(settings, tmp_path):
    texts = ["The W0RST swimwear, so so bad"]
    answers = {}
    for cleaning in ("published", "corrected", "none"):
        data = settings.data.model_copy(update={"cleaning": cleaning})
        folder = save_plain(settings.model_copy(update={"data": data}), tmp_path / cleaning)
        predictor = Predictor.load(folder, device="cpu", precision="fp32")
        assert predictor.input.cleaning == cleaning
        answers[cleaning] = predictor.probabilities(texts)
    assert not np.allclose(answers["published"], answers["corrected"])
    assert not np.allclose(answers["none"], answers["corrected"])


def test_bf16_answers_as_autocast_does_with_weights_that_are_cast_once(plain_folder):
    from tweet_sentiment.modeling.devices import Device
    from tweet_sentiment.modeling.prediction import predict

    bf16 = Device("cpu", "bf16")
    once = Predictor.of(load_model(plain_folder), bf16)
    ids = once.inputs(POSTS).input_ids
    assert np.array_equal(once.probabilities(POSTS), predict(load_model(plain_folder).model, ids, bf16))


def test_several_threads_may_ask_at_once(predictor):
    expected = [predictor.probabilities([text]) for text in POSTS]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            found = list(pool.map(lambda text: predictor.probabilities([text]), POSTS))
            assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


def test_no_text_gives_no_row_but_the_columns(predictor):
    assert predictor.records([]) == []
    assert predictor.probabilities([]).shape == (0, 3)
    assert list(predictor([]).columns) == list(predictor(["x"]).columns)


def test_any_column_of_texts_will_do(predictor):
    expected = predictor.probabilities(POSTS)
    for texts in (tuple(POSTS), pd.Series(POSTS), np.array(POSTS), (text for text in POSTS)):
        assert np.array_equal(predictor.probabilities(texts), expected)
    assert predictor.probabilities(pd.Series(["NaN", "null", "None"])).shape == (3, 3)


def test_answers_to_a_column_have_its_index(predictor):
    posts = pd.DataFrame({"text": POSTS}, index=[3, 9, 4, 1, 0])
    posts["label"] = predictor(posts["text"])["label"]
    assert list(posts["label"]) == [record["label"] for record in predictor.records(POSTS)]
    posts.index = pd.Index(["b", "a", "b", "c", "a"], name="who")
    table = predictor(posts["text"], explain=True)
    assert table.index.equals(posts.index)
    assert [" ".join(word for word, _ in words) for words in table["words"]] == POSTS


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["ok", None], "texts[1]: expected a text (str), found None of type NoneType"),
        (["ok", float("nan")], "texts[1]: expected a text (str), found nan of type float"),
        ([5], "texts[0]: expected a text (str), found 5 of type int"),
        ([b"ok"], "texts[0]: expected a text (str), found b'ok' of type bytes"),
        (["ok", ["nested"]], "texts[1]: expected a text (str), found ['nested'] of type list"),
        (pd.Series(["ok", None]), "texts[1]: expected a text (str), found nan of type float"),
        (["a\0b"], "texts[0]: found a NUL character at position 1"),
        (["ok", "ab\ud83d"], "texts[1]: found half a character (the lone surrogate U+D83D) at position 2"),
        (["ok", ""], "texts[1]: the text is empty or blank"),
        ([" \t\n\u00a0"], "texts[0]: the text is empty or blank"),
        (b"ok", "Expected a list of texts, found b'ok' of type bytes"),
        ({"text": "ok"}, "Expected a list of texts"),
        (pd.DataFrame({"text": ["ok"]}), "Give a text, a list, or one column"),
        (None, "Expected a list of texts, found None of type NoneType"),
    ],
)
def test_what_is_no_text_is_refused_with_its_position(predictor, texts, said):
    for ask in (predictor.probabilities, predictor, predictor.records):
        with pytest.raises(StudyError) as refused:
            ask(texts)
        assert said in str(refused.value)


def test_one_text_gets_one_result(predictor):
    assert predictor("so bad").equals(predictor(["so bad"]))
    assert predictor.records("so bad", explain=True) == predictor.records(["so bad"], explain=True)


def test_a_blank_text_has_no_label_if_one_wants_it_kept(predictor):
    texts = ["i love it", " ", "", "so bad"]
    table, records = predictor(texts, keep_blank=True), predictor.records(texts, keep_blank=True)
    assert list(table["label"].isna()) == [False, True, True, False]
    assert [record["label"] for record in records] == [table["label"][0], None, None, table["label"][3]]
    assert [record["probabilities"] is None for record in records] == [False, True, True, False]
    assert np.isnan(predictor.probabilities(texts, keep_blank=True)[1]).all()
    with pytest.raises(StudyError, match="found None"):
        predictor(["", None], keep_blank=True)


def test_a_text_that_is_too_long_is_cut_as_in_training_and_counted_in_the_log(predictor, caplog):
    words = "so bad " * 300
    short = "so bad " * 63
    inputs = predictor.inputs(["ok", words, short])
    assert list(inputs.truncated) == [False, True, False]
    assert len(inputs.input_ids[1]) == predictor.input.max_length
    np.testing.assert_allclose(*predictor.probabilities([words, short]), atol=1e-6)
    assert "1 of 2 texts are longer than the 128 word pieces" in caplog.text


@pytest.mark.parametrize("text", ["🤣🤣", "https://t.co/abc www.x.yz", "#hash", "12345", "!?"])
def test_a_text_of_which_cleaning_leaves_nothing_is_at_fault_as_a_blank_one_is(cleaning_predictor, text):
    assert list(cleaning_predictor.inputs([text, "ok"]).emptied) == [True, False]
    for ask in (cleaning_predictor, cleaning_predictor.records):
        with pytest.raises(StudyError, match=r"texts\[1\]: the model's cleaning leaves nothing.*corrected"):
            ask(["ok", text])
    sound, emptied = cleaning_predictor.records(["ok", text], keep_blank=True)
    assert sound["label"] in cleaning_predictor.labels
    assert (emptied["label"], emptied["probabilities"]) == (None, None)


def test_special_tokens_in_a_text_are_text(settings, tmp_path):
    data = settings.data.model_copy(update={"cleaning": "none"})
    folder = save_plain(settings.model_copy(update={"data": data}), tmp_path / "raw")
    predictor = Predictor.load(folder, device="cpu")
    special = set(predictor.tokenizer.get_added_tokens_decoder())
    (ids,) = predictor.inputs(["good [SEP] bad [CLS] [MASK] [PAD] [UNK]"]).input_ids
    assert [place for place, piece in enumerate(ids) if piece in special] == [0, len(ids) - 1]


def test_a_model_that_reads_entities_wants_one_a_text(settings, plain_folder):
    trained = load_model(plain_folder)
    trained.manifest["input"]["second_segment"] = "entity"
    predictor = Predictor.of(trained, Predictor.load(plain_folder, "cpu").backend.device)
    for entities, said in (
        (None, "none is given: give one per text"),
        (["Nvidia"], "found 1 entities, 2 texts"),
        (["Nvidia", None], r"entities\[1\]: expected an entity \(str\), found None"),
        (["Nvidia", "x" * 101], r"entities\[1\]: an entity of 101 characters"),
    ):
        with pytest.raises(StudyError, match=said):
            predictor(["ok", "so bad"], entities)
    ids = predictor.inputs(["ok " * 300], ["Nvidia"]).input_ids[0]
    assert len(ids) == predictor.input.max_length
    assert predictor.tokenizer.decode(ids, skip_special_tokens=False).startswith("[CLS] nvidia [SEP] ok ok")
    with pytest.raises(StudyError, match="leave the entities out"):
        Predictor.load(plain_folder, "cpu")(["ok"], ["Nvidia"])


class _Broken:
    description, tokens_a_batch, batches_at_once = "broken", 64, 1

    def __init__(self, value):
        self.value = value

    def logits(self, input_ids):
        logits = np.zeros((len(input_ids), 3), dtype=np.float32)
        logits[0, 1] = self.value
        return logits


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_an_error_never_a_label(predictor, value):
    broken = Predictor(predictor.tokenizer, predictor.manifest, _Broken(value))
    for ask in (broken.probabilities, broken, broken.records):
        with pytest.raises(StudyError, match="logits that are not finite"):
            ask(["ok", "so bad"])


def test_a_backend_with_other_classes_is_refused(predictor):
    class _Two:
        description, tokens_a_batch, batches_at_once = "two", 64, 1

        def logits(self, input_ids):
            return np.zeros((len(input_ids), 2), dtype=np.float32)

    with pytest.raises(StudyError, match="gives 2 classes, its manifest names 3"):
        Predictor(predictor.tokenizer, predictor.manifest, _Two())(["ok"])


@hypothesis_settings(max_examples=300)
@given(st.lists(st.text(max_size=300), max_size=6))
def test_every_text_gets_a_label_or_a_message_that_names_it(predictor, texts):
    faulty = [place for place, text in enumerate(texts) if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text)]
    if faulty:
        with pytest.raises(StudyError, match=rf"texts\[{faulty[0]}\]"):
            predictor.records(texts, keep_blank=True)
        return
    records = predictor.records(texts, keep_blank=True)
    assert [record["text"] for record in records] == texts
    assert [record["label"] is None for record in records] == [not text.strip() for text in texts]


ABSENT = """
import sys
from tweet_sentiment import Predictor
assert not {"torch", "transformers", "pandas"} & set(sys.modules)
try:
    Predictor.load("nowhere")
except Exception as error:
    print(error)
assert not {"torch", "transformers", "kedro"} & set(sys.modules)
"""


def test_a_folder_that_is_absent_is_said_before_anything_heavy_is_imported():
    done = subprocess.run([sys.executable, "-c", ABSENT], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("nowhere: no manifest.json here")
