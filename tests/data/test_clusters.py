import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz

from tweet_sentiment.data import similarity
from tweet_sentiment.data.similarity import SHORTEST_NEAR_DUPLICATE, most_similar, near_duplicate_groups, normalise

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


def test_a_chain_joins_what_its_ends_would_not():
    chain = "a" * 30, "a" * 30 + "b" * 8, "a" * 30 + "b" * 18
    assert fuzz.ratio(chain[0], chain[2]) < 85
    assert groups(*chain) == [0, 0, 0]
    assert groups(chain[0], chain[2]) == [0, 1]


def test_posts_that_normalise_to_nothing_are_alone():
    assert groups("🤣", "🤣", "", "…") == [0, 1, 2, 3]


def test_no_posts_have_no_groups():
    assert groups() == []


def test_the_index_of_the_posts_does_not_matter():
    posts = pd.Series([SENTENCE, "else", SENTENCE + "s"], index=[7, 7, 3], dtype="str")
    assert near_duplicate_groups(posts, 85.0).tolist() == [0, 1, 0]


POSTS = st.lists(st.text("abcdé丰 !", max_size=30), max_size=14)
THRESHOLDS = st.sampled_from([50.0, 60.0, 75.0, 89.9, 95.5, 100.0])


@given(POSTS, THRESHOLDS, st.sampled_from([1, 7, 40, 10**6]))
def test_groups_are_those_that_comparing_every_pair_finds(posts, threshold, pairs):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "_PAIRS", pairs)
        assert groups(*posts, threshold=threshold) == by_comparing_every_pair(posts, threshold)


@given(POSTS, POSTS, THRESHOLDS)
def test_the_most_similar_text_is_the_one_that_comparing_every_pair_finds(posts, others, threshold):
    mine, theirs = ({t for t in map(normalise, side) if len(t) >= SHORTEST_NEAR_DUPLICATE} for side in (posts, others))
    found = most_similar(mine, theirs, threshold)
    best = {text: max((fuzz.ratio(text, other) for other in theirs), default=0.0) for text in mine}
    assert {text: fuzz.ratio(text, other) for text, other in found.items()} == pytest.approx(
        {text: ratio for text, ratio in best.items() if ratio >= threshold}
    )


@pytest.mark.real_data
def test_on_the_real_file_hardly_a_group_holds_two_tweets(real_filtered):
    """The copies of a tweet are reworded so far that text alone joins few of them: ids are worth having."""
    posts = real_filtered["training"]
    posts = posts[posts["id"].isin(posts["id"].unique()[:3000])]
    found = near_duplicate_groups(posts["post"], 85.0)
    tweets_of_a_group = posts["id"].groupby(found).nunique()
    groups_of_a_tweet = pd.Series(found).groupby(posts["id"].array).nunique()
    assert (tweets_of_a_group > 1).mean() < 0.03
    assert (groups_of_a_tweet > 1).mean() > 0.5
