import re
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tweet_sentiment.data.cleaning import (
    clean_as_intended,
    clean_as_published,
    clean_minimally,
    lemmatize,
    remove_stop_words,
)


@pytest.mark.parametrize(("word", "published"), [("struggling", "truggling"), ("worst", "ort"), ("Swiss", "i")])
def test_published_cleaning_eats_every_w_and_s(word, published):
    assert clean_as_published(word) == published


def test_published_cleaning_keeps_a_url_s_host_as_words():
    assert clean_as_published("see https://example.com/page").split() == ["ee", "example", "com", "page"]


@given(st.text())
def test_published_cleaning_never_leaves_w_s_or_non_ascii(text):
    assert re.search(r"[ws^\\]|[^\x00-\x7f]|\d", clean_as_published(text)) is None


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("I don&#39;t like it", "i dont like it"),
        ("it isn&#8217;t good", "it isnt good"),
        ("I can`t, can´t, can’t recommend it", "i cant cant cant recommend it"),
        ("don&amp;#39;t", "dont"),
        ("AT&amp;T is slow today", "at t is slow today"),
        ("caf&eacute; &notit; you&me", "café notit you me"),
        ("Awww...such a cutie", "awww such a cutie"),
        ("Ewww.that is bad", "ewww that is bad"),
        ("see www.example.com/x, now", "see now"),
        ("<so happy right now> :)", "so happy right now"),
        ("a < b and c > d", "a b and c d"),
        ('<a href="https://x.yz">click</a>it<br/>', "click it"),
        ("&lt;b&gt;bold&lt;/b&gt;", "bold"),
        ("C#is fine #fail", "c is fine"),
        ("não é bom", "não é bom"),
        ("هذا ليس جيدا!", "هذا ليس جيدا"),
        ("यह अच्छा नहीं है", "यह अच्छा नहीं है"),
        ("ไม่ดีเลย 5/10", "ไม่ดีเลย"),
        ("می‌خواهم", "می‌خواهم"),
        ("love ❤️ it 1️⃣ 👩‍🚀", "love it"),
    ],
)
def test_intended_cleaning_loses_no_word(text, cleaned):
    assert clean_as_intended(text) == cleaned


LETTERS = st.characters(categories=["Lu", "Ll", "Lt", "Lo"])
WORDS = st.lists(st.text(LETTERS, min_size=1, max_size=8), min_size=1, max_size=8)
BETWEEN = st.text(st.characters(categories=["Zs", "Po", "Pd", "Sm", "Nd"], exclude_characters="#<&'＇`´"), min_size=1)


@given(WORDS, BETWEEN)
def test_intended_cleaning_keeps_every_word_of_letters_of_any_script(words, between):
    text = f" {between} ".join(words)
    assume("://" not in text and "www." not in text.lower())
    assert clean_as_intended(text).split() == text.lower().replace(between, " ").split()


@given(
    WORDS, st.sampled_from(["https://t.co/aB1", "#happy", "<br/>", "www.x.yz", '<a href="x">', "&amp;", "<!-- x -->"])
)
def test_intended_cleaning_takes_out_links_hashtags_and_tags_and_nothing_beside_them(words, removed):
    assert clean_as_intended(f" {removed} ".join(words)) == clean_as_intended(" ".join(words))


@given(st.text())
def test_intended_cleaning_leaves_single_spaced_words_and_is_idempotent(text):
    cleaned = clean_as_intended(text)
    assert cleaned == " ".join(cleaned.split(" "))
    assert all(word[0].isalpha() for word in cleaned.split(" ") if cleaned)
    assert all(unicodedata.category(c)[0] in "LM" or c in " \u200c\u200d" for c in cleaned)
    assert clean_as_intended(cleaned) == cleaned


@pytest.mark.nltk
def test_stop_words_take_out_not():
    assert remove_stop_words("this is not good") == "good"


@pytest.mark.nltk
def test_the_lemmatiser_leaves_verbs_and_breaks_short_words():
    assert lemmatize("running ran runner was us") == "running ran runner wa u"


@pytest.mark.parametrize(
    ("text", "cleaned", "named"),
    [
        ("LOVE it!! https://t.co/x1 @Nvidia_1 &amp;amp; more", "LOVE it!! http @user & more", None),
        ("see www.x.com,  a\n\tb  pic.twitter.com/q", "see http a b http", None),
        ("mail a@b.com, 5<6, café, 素晴らしい #fail", "mail a@b.com, 5<6, café, 素晴らしい #fail", None),
        ("so 🤣👍🏽 ❤️", "so 🤣👍🏽 ❤️", "so :rolling on the floor laughing: :thumbs up sign: :heavy black heart:"),
    ],
)
def test_minimal_cleaning_replaces_links_and_users_and_keeps_the_rest(text, cleaned, named):
    assert clean_minimally(text) == cleaned
    assert clean_minimally(cleaned) == cleaned
    assert clean_minimally(text, emoji_named=True) == (named or cleaned)
