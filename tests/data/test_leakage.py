import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz

from tweet_sentiment.data import leakage
from tweet_sentiment.data.cleaning import clean_posts
from tweet_sentiment.data.filtering import filter_posts
from tweet_sentiment.data.leakage import (
    SHORTEST_NEAR_DUPLICATE,
    conflicting_labels,
    leaking_rows,
    normalise,
    overlap,
    text_key,
)
from tweet_sentiment.parameters import LeakFreeRules

SENTENCE = "The quick brown fox jumps over the lazy dog."
ALL = LeakFreeRules(tweet_id=True, normalised_text=True, near_duplicate=True, near_duplicate_threshold=90.0)


def frame(*rows):
    return pd.DataFrame(list(rows), columns=["id", "post"])


def caught(training, validation, rules=ALL, ids_known=True):
    return [tuple(row) for row in leaking_rows(training, validation, rules, ids_known).to_numpy().tolist()]


@pytest.mark.parametrize(
    ("text", "normalised"),
    [("Don't  STOP_me!", "dontstopme"), ("Straße ½ 5", "strasse½5"), ("🤣 \n…", ""), ("СПАСИБО", "спасибо")],
)
def test_normalise_folds_case_and_keeps_letters_and_digits_of_any_script(text, normalised):
    assert normalise(text) == normalised


def test_each_rule_catches_its_own_and_a_near_duplicate_only_what_is_left():
    validation = frame(("1", SENTENCE))
    training = frame(
        ("1", "another text altogether"),
        ("2", SENTENCE.upper() + " 🤣"),
        ("3", SENTENCE.replace("lazy", "lacy")),
        ("1", SENTENCE),
        ("4", "the quick brown fox sleeps"),
    )
    assert caught(training, validation) == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
        (True, True, False),
        (False, False, False),
    ]


@pytest.mark.parametrize("off", ["tweet_id", "normalised_text", "near_duplicate"])
def test_a_disabled_rule_catches_nothing(off):
    rows = leaking_rows(
        frame(("1", SENTENCE), ("2", SENTENCE + "s")),
        frame(("1", SENTENCE)),
        ALL.model_copy(update={off: False}),
        ids_known=True,
    )
    assert rows.sum().to_dict()[off] == 0
    assert rows["tweet_id"].tolist() == [off != "tweet_id", False]
    assert rows["normalised_text"].tolist() == [off != "normalised_text", False]


def test_empty_and_made_up_ids_and_empty_texts_match_nothing():
    assert caught(frame(("", "🤣")), frame(("", "…"))) == [(False, False, False)]
    assert caught(frame(("row-1", "yes")), frame(("row-1", "no")), ids_known=False) == [(False, False, False)]


def test_the_answer_is_aligned_with_the_training_index():
    training = frame(("5", "five"), ("6", SENTENCE + "s"), ("7", "seven")).set_index(pd.Index([30, 10, 20]))
    rows = leaking_rows(training, frame(("7", SENTENCE)), ALL, ids_known=True)
    assert rows.index.tolist() == [30, 10, 20]
    assert rows.any(axis=1).tolist() == [False, True, True]


TEXTS = st.lists(st.text("abc D!", max_size=30), max_size=12)


@given(TEXTS, TEXTS, st.sampled_from([60.0, 75.0, 89.9, 95.5, 100.0]))
def test_near_duplicates_are_those_that_comparing_every_pair_finds(training, validation, threshold):
    def near(a, b):
        enough = min(len(a), len(b)) >= SHORTEST_NEAR_DUPLICATE
        return bool(a) and (a == b or (enough and fuzz.ratio(a, b) >= threshold))

    rules = LeakFreeRules(
        tweet_id=False, normalised_text=False, near_duplicate=True, near_duplicate_threshold=threshold
    )
    expected = [any(near(text_key(t), text_key(v)) for v in validation) for t in training]
    frames = [pd.DataFrame({"id": "", "post": pd.Series(texts, dtype="str")}) for texts in (training, validation)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leakage, "_PAIRS", 3)
        assert leaking_rows(*frames, rules, ids_known=False)["near_duplicate"].tolist() == expected


def test_overlap_counts_validation_posts_by_kind():
    training = frame(("1", "Yes!"), ("1", "no"), ("", "🤣"))
    validation = frame(("1", "yes"), ("2", "no"), ("3", "…"), ("", "other"))
    assert overlap(training, validation, ids_known=True) == {
        "posts": 4,
        "text_count": 1,
        "text_share": 0.25,
        "normalised_text_count": 2,
        "normalised_text_share": 0.5,
        "id_count": 1,
        "id_share": 0.25,
    }


def test_overlap_says_nothing_of_ids_that_were_made_up():
    assert not [key for key in overlap(frame(("row-1", "a")), frame(("row-1", "b")), ids_known=False) if "id_" in key]


def test_conflicting_labels_counts_texts_not_rows():
    rows = [("ok", "P"), ("OK!", "N"), ("ok.", "P"), ("no", "N"), ("No", "N"), ("…", "P"), ("!", "N")]
    assert conflicting_labels(pd.DataFrame(rows, columns=["post", "label"])) == 1


@pytest.mark.real_data
def test_the_published_validation_set_leaks_as_the_study_says(data, labels, real_posts):
    published = data.model_copy(update={"cleaning": "published"})
    training, validation = (
        filter_posts(real_posts[part], published, labels, seed=42)[0] for part in ("training", "validation")
    )
    cleaned = [
        posts.assign(post=clean_posts(posts["post"], "published", False, False)) for posts in (training, validation)
    ]
    found = overlap(*cleaned, ids_known=True)
    assert (found["posts"], found["id_count"], found["text_count"]) == (828, 828, 592)
