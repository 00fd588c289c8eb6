import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweet_sentiment.text.cleaning import clean_as_intended, clean_as_published, lemmatize, remove_stop_words


@pytest.mark.parametrize(("word", "published"), [("struggling", "truggling"), ("worst", "ort"), ("Swiss", "i")])
def test_published_cleaning_eats_every_w_and_s(word, published):
    assert clean_as_published(word) == published


def test_published_cleaning_keeps_a_url_s_host_as_words():
    assert clean_as_published("see https://example.com/page").split() == ["ee", "example", "com", "page"]


def test_intended_cleaning_removes_url_hashtag_and_html_whole():
    assert clean_as_intended("Worst <br/>day: https://t.co/x1 #fail &amp; don't ask 🤣") == "worst day dont ask"


@given(st.text())
def test_published_cleaning_never_leaves_w_s_or_non_ascii(text):
    assert re.search(r"[ws^\\]|[^\x00-\x7f]|\d", clean_as_published(text)) is None


@given(st.text())
def test_intended_cleaning_leaves_single_spaced_letters_and_is_idempotent(text):
    cleaned = clean_as_intended(text)
    assert re.fullmatch(r"(?:[a-z]+(?: [a-z]+)*)?", cleaned)
    assert clean_as_intended(cleaned) == cleaned


@pytest.mark.nltk
def test_stop_words_take_out_not():
    assert remove_stop_words("this is not good") == "good"


@pytest.mark.nltk
def test_the_lemmatiser_leaves_verbs_and_breaks_short_words():
    assert lemmatize("running ran runner was us") == "running ran runner wa u"
