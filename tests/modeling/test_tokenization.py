"""Posts to word pieces: what is cut, what comes before, and the classes."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.tokenization import encodings, read_tokenizer, tokenize

NAMES = ["Negative", "Neutral", "Positive"]
CLS, SEP = 101, 102
PROMPT = "This tweet expresses a sentiment that is:"


def table(texts, labels=None):
    labels = labels or ["Neutral"] * len(texts)
    return pd.DataFrame(
        {"row": range(1, len(texts) + 1), "id": [f"t{i}" for i in range(len(texts))], "label": labels}
    ).assign(post=texts)


def words(count):
    """A post of as many word pieces."""
    return " ".join(["game"] * count)


def test_labels_are_positions_in_the_list_and_rows_keep_their_order_and_ids(tokenizer):
    posts = table(["good", "bad", "so so"], ["Positive", "Negative", "Neutral"])
    posts.index = [7, 3, 5]
    dataset, _ = tokenize(posts, tokenizer, NAMES, max_length=16)
    assert dataset["label"] == [2, 0, 1]
    assert tokenize(posts, tokenizer, NAMES[::-1], max_length=16)[0]["label"] == [0, 2, 1]
    assert (dataset["row"], dataset["id"]) == ([1, 2, 3], ["t0", "t1", "t2"])
    assert [tokenizer.decode(ids, skip_special_tokens=True) for ids in dataset["input_ids"]] == list(posts["post"])


def test_columns_are_those_that_training_and_the_record_need(tokenizer):
    posts = table(["good", "bad"]).assign(entity="a game", dev=[True, False])
    dataset, _ = tokenize(posts, tokenizer, NAMES, max_length=16)
    assert set(dataset.column_names) == {"row", "id", "dev", "label", "input_ids", "attention_mask"}
    plain, _ = tokenize(posts.drop(columns="dev"), tokenizer, NAMES, max_length=16)
    assert set(plain.column_names) == {"row", "id", "label", "input_ids", "attention_mask"}


def test_posts_longer_than_the_limit_are_cut_and_counted(tokenizer):
    dataset, cut = tokenize(table([words(n) for n in (1, 13, 14, 15, 40)]), tokenizer, NAMES, max_length=16)
    assert [len(ids) for ids in dataset["input_ids"]] == [3, 15, 16, 16, 16]
    assert cut == 2
    for ids, mask in zip(dataset["input_ids"], dataset["attention_mask"], strict=True):
        assert (ids[0], ids[-1]) == (CLS, SEP)
        assert mask == [1] * len(ids)


def test_a_hard_prompt_comes_before_each_post_and_takes_of_its_room(tokenizer):
    prompt = tokenizer(PROMPT, add_special_tokens=False)["input_ids"]
    posts = table([words(3), words(5), words(6)])
    dataset, cut = tokenize(posts, tokenizer, NAMES, max_length=len(prompt) + 7, hard_prompt=PROMPT)
    game = tokenizer("game", add_special_tokens=False)["input_ids"]
    assert dataset["input_ids"] == [[CLS, *prompt, *game * n, SEP] for n in (3, 5, 5)]
    assert cut == 1
    assert tokenize(posts, tokenizer, NAMES, max_length=len(prompt) + 7)[1] == 0


@pytest.mark.parametrize("hard_prompt", ["", PROMPT])
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), min_size=1, max_size=5))
@settings(max_examples=15)
def test_any_text_is_between_two_and_max_length_pieces_and_cut_only_when_longer(tokenizer, hard_prompt, texts):
    dataset, cut = tokenize(table(texts), tokenizer, NAMES, max_length=24, hard_prompt=hard_prompt)
    prefix = f"{hard_prompt} " if hard_prompt else ""
    whole = [tokenizer(prefix + text)["input_ids"] for text in texts]
    assert all(2 <= len(ids) <= 24 for ids in dataset["input_ids"])
    assert cut == sum(len(ids) > 24 for ids in whole)
    for ids, full in zip(dataset["input_ids"], whole, strict=True):
        assert ids[:-1] == full[: len(ids) - 1]


def test_a_label_that_is_not_in_the_list_is_an_error(tokenizer):
    with pytest.raises(ValueError, match="Irrelevant"):
        tokenize(table(["x"], ["Irrelevant"]), tokenizer, NAMES, max_length=16)


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80) | st.sampled_from(
    ["[CLS] [SEP]", "[PAD]", "Café ÀÉ", "中文 tweets", "\u200bzero", "naïve\tso", "🤣🤣", "don't", "[UNK] it"]
)


@pytest.mark.parametrize("with_entities", [False, True])
@given(pairs=st.lists(st.tuples(ANY_TEXT, ANY_TEXT.map(lambda text: text[:9])), min_size=1, max_size=5))
def test_a_folder_s_tokenizer_file_gives_what_transformers_gives(saved_tokenizer, with_entities, pairs):
    texts, entities = [text for text, _ in pairs], [entity for _, entity in pairs] if with_entities else None
    again, alone = saved_tokenizer
    found = encodings(texts, alone, 24, PROMPT, entities)
    prefixed = [f"{PROMPT} {text}" for text in texts]
    segments = (entities, prefixed) if with_entities else (prefixed,)
    truncation = "only_second" if with_entities else "longest_first"
    expected = again(*segments, truncation=truncation, max_length=24, split_special_tokens=True)
    assert [one.ids for one in found] == expected["input_ids"]
    assert [one.offsets for one in found] == [one.offsets for one in expected.encodings]


@pytest.fixture(scope="session")
def saved_tokenizer(tokenizer, tmp_path_factory):
    """A tokenizer that was saved with settings that are not those it is used with, read by transformers and by us."""
    folder = tmp_path_factory.mktemp("tokenizer")
    other = type(tokenizer).from_pretrained(tokenizer.name_or_path)
    other(["a", "a b c"], padding="max_length", truncation=True, max_length=8)
    other.save_pretrained(folder)
    return type(tokenizer).from_pretrained(folder), read_tokenizer(folder)


def test_a_tokenizer_s_file_that_is_cut_or_missing_is_one_message(encoder, tmp_path):
    with pytest.raises(StudyError, match=r"tokenizer.json cannot be read"):
        read_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((encoder / "tokenizer.json").read_bytes()[:1000])
    with pytest.raises(StudyError, match=r"tokenizer.json cannot be read"):
        read_tokenizer(tmp_path)
