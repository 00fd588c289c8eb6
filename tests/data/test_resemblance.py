"""What still resembles a training post when its copies are out."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweet_sentiment.data import similarity
from tweet_sentiment.data.similarity import resembles

HEADLINE = "Xbox Series X: price and release date https://t.co/a1"


def alike(post, *training):
    return resembles(pd.Series([post]), pd.Series(list(training), dtype="str")).item()


@pytest.mark.parametrize(
    ("post", "training", "expected"),
    [
        (HEADLINE, "XBOX series X - price and release date! pic.twitter.com/b2", True),  # but for the link
        ("I won 3 games of 10", "i won 47 games of 1200.", True),  # but for numbers
        ("the new map is so good", "the new map is bad", True),  # three of five pairs: a template
        ("the new map is so good", "the old map was so bad", False),
        ("the new map is so good", "good so is map new the", False),  # the same words in another order
        ("lovely", "LOVELY!!", True),
        ("lovely", "lovely day", False),
        ("https://t.co/a1 2020", "https://t.co/b2 1999", False),  # nothing is left of either
        ("", "", False),
        ("сегодня хороший день", "Сегодня хороший вечер", True),  # one of two pairs
    ],
)
def test_a_post_resembles_a_template_and_not_another_sentence(post, training, expected):
    assert alike(post, training) == expected


def test_pairs_of_several_training_posts_are_not_added_up():
    assert not alike("one two three four five six", "one two", "three four", "five six")


WORDS = st.lists(st.sampled_from(["no", "so", "go", "on", "at", "7"]), max_size=8).map(" ".join)


@given(st.lists(WORDS, min_size=1, max_size=6), st.lists(WORDS, min_size=1, max_size=6))
def test_it_is_the_largest_share_of_pairs_in_one_training_post(posts, training):
    def pairs(text):
        words = [word for word in text.split() if word != "7"]
        return words, set(pairwise(words))

    def expected(post):
        words, mine = pairs(post)
        same = any(words and words == pairs(other)[0] for other in training)
        return same or any(mine and 2 * len(mine & pairs(other)[1]) >= len(mine) for other in training)

    found = resembles(pd.Series(posts, dtype="str"), pd.Series(training, dtype="str"))
    assert found.tolist() == [bool(expected(post)) for post in posts]


def test_the_number_of_posts_looked_at_at_a_time_changes_nothing(monkeypatch):
    generator = np.random.default_rng(0)
    texts = pd.Series([" ".join(generator.choice(list("abcdefgh"), 6)) for _ in range(60)], dtype="str")
    whole = resembles(texts[:40], texts[40:])
    assert 0 < whole.sum() < 40
    monkeypatch.setattr(similarity, "_CHUNK", 7)
    assert (resembles(texts[:40], texts[40:]) == whole).all()
