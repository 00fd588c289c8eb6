"""Near-duplicates and their groups, templates, and the nearest text."""

from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz

from tweet_sentiment.data import leakage
from tweet_sentiment.data.leakage import (
    SHORTEST_NEAR_DUPLICATE,
    Lookup,
    most_similar,
    near_duplicate_groups,
    normalise,
    resembles,
)

SENTENCE = "The quick brown fox jumps over the lazy dog."


def groups(*posts, threshold=85.0):
    return near_duplicate_groups(pd.Series(posts, dtype="str"), threshold).tolist()


def near(a, b, threshold):
    a, b = normalise(a), normalise(b)
    enough = min(len(a), len(b)) >= SHORTEST_NEAR_DUPLICATE
    return bool(a) and (a == b or (enough and fuzz.ratio(a, b) >= threshold))


def by_comparing_every_pair(posts, threshold):
    """Colour the posts one group after the other, by walking from neighbour to neighbour."""
    found = [-1] * len(posts)
    for start in range(len(posts)):
        front = [start] if found[start] < 0 else []
        number = max(found) + 1
        while front:
            i = front.pop()
            found[i] = number
            front += [j for j in range(len(posts)) if found[j] < 0 and near(posts[i], posts[j], threshold)]
    return found


def test_reworded_copies_are_together_and_others_apart():
    copies = SENTENCE, SENTENCE.upper() + " 🤣", SENTENCE.replace("lazy", "lacy")
    assert groups(copies[0], "something else altogether", *copies[1:], "ok!", "OK", "oh") == [0, 1, 0, 0, 2, 2, 3]


def test_the_index_of_the_posts_does_not_matter():
    posts = pd.Series([SENTENCE, "else", SENTENCE + "s"], index=[7, 7, 3], dtype="str")
    assert near_duplicate_groups(posts, 85.0).tolist() == [0, 1, 0]


POSTS = st.lists(st.text("abcdé丰 !", max_size=30), max_size=14)
THRESHOLDS = st.sampled_from([50.0, 60.0, 75.0, 89.9, 95.5, 100.0])


@given(POSTS, THRESHOLDS, st.sampled_from([1, 7, 40, 10**6]))
def test_groups_are_those_that_comparing_every_pair_finds(posts, threshold, pairs):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leakage, "_PAIRS", pairs)
        assert groups(*posts, threshold=threshold) == by_comparing_every_pair(posts, threshold)


@given(POSTS, POSTS, THRESHOLDS)
def test_the_most_similar_text_is_the_one_that_comparing_every_pair_finds(posts, others, threshold):
    mine, theirs = ({t for t in map(normalise, side) if len(t) >= SHORTEST_NEAR_DUPLICATE} for side in (posts, others))
    found = most_similar(mine, theirs, threshold)
    best = {text: max((fuzz.ratio(text, other) for other in theirs), default=0.0) for text in mine}
    assert {text: fuzz.ratio(text, other) for text, other in found.items()} == pytest.approx(
        {text: ratio for text, ratio in best.items() if ratio >= threshold}
    )


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


def nearest_neighbour(training_texts, training_labels, texts):
    return Lookup(training_texts, training_labels)(texts)


TEXTS = ["the game is great", "the game is broken again", "a patch comes out today"]
NAMES = ["Positive", "Negative", "Neutral"]


def test_case_does_not_count_and_the_closest_words_win():
    labels, similarity = nearest_neighbour(TEXTS, NAMES, ["GREAT game", "broken AGAIN today"])
    assert labels.tolist() == ["Positive", "Negative"]
    assert ((similarity > 0) & (similarity < 1)).all()


def test_a_text_that_shares_no_word_gets_the_most_frequent_label():
    labels, similarity = nearest_neighbour([*TEXTS, "down again"], [*NAMES, "Negative"], ["🤣", "", "xylophone"])
    assert labels.tolist() == ["Negative"] * 3
    assert similarity.tolist() == [0, 0, 0]


@pytest.mark.parametrize("texts", [["🤣", "!", ""], ["a", "b", "c"]])
def test_training_without_words_gives_the_most_frequent_label(texts):
    labels, similarity = nearest_neighbour(texts, ["P", "N", "N"], ["anything"])
    assert (labels.tolist(), similarity.tolist()) == (["N"], [0])


def test_of_equally_similar_texts_the_first_counts():
    assert nearest_neighbour(["so good", "So good!"], ["P", "N"], ["so good"])[0].tolist() == ["P"]
