import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweet_sentiment.data import similarity
from tweet_sentiment.data.filtering import filter_posts
from tweet_sentiment.data.leakage import leaking_rows
from tweet_sentiment.data.similarity import Lookup


def nearest_neighbour(training_texts, training_labels, texts):
    return Lookup(training_texts, training_labels)(texts)


TEXTS = ["the game is great", "the game is broken again", "a patch comes out today"]
LABELS = ["Positive", "Negative", "Neutral"]


def test_an_identical_text_gets_its_own_label():
    labels, similarity = nearest_neighbour(TEXTS, LABELS, list(reversed(TEXTS)))
    assert labels.tolist() == ["Neutral", "Negative", "Positive"]
    assert similarity.tolist() == pytest.approx([1, 1, 1])


def test_case_does_not_count_and_the_closest_words_win():
    labels, similarity = nearest_neighbour(TEXTS, LABELS, ["GREAT game", "broken AGAIN today"])
    assert labels.tolist() == ["Positive", "Negative"]
    assert ((similarity > 0) & (similarity < 1)).all()


def test_a_text_that_shares_no_word_gets_the_most_frequent_label():
    labels, similarity = nearest_neighbour([*TEXTS, "down again"], [*LABELS, "Negative"], ["🤣", "", "xylophone"])
    assert labels.tolist() == ["Negative"] * 3
    assert similarity.tolist() == [0, 0, 0]


@pytest.mark.parametrize("texts", [["🤣", "!", ""], ["a", "b", "c"]])
def test_training_without_words_gives_the_most_frequent_label(texts):
    labels, similarity = nearest_neighbour(texts, ["P", "N", "N"], ["anything"])
    assert (labels.tolist(), similarity.tolist()) == (["N"], [0])


def test_of_equally_similar_texts_the_first_counts():
    assert nearest_neighbour(["so good", "So good!"], ["P", "N"], ["so good"])[0].tolist() == ["P"]


def test_nothing_asked_is_nothing_answered():
    labels, similarity = nearest_neighbour(TEXTS, LABELS, [])
    assert (len(labels), len(similarity)) == (0, 0)


ANY = st.lists(st.text("ab 🤣é\n丰", max_size=12), min_size=1, max_size=9)


@given(ANY, ANY)
def test_the_size_of_the_chunks_changes_nothing(training, texts):
    names = [f"label {n % 3}" for n in range(len(training))]
    whole = nearest_neighbour(training, names, texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "_CHUNK", 2)
        parts = nearest_neighbour(training, names, texts)
    np.testing.assert_array_equal(whole[0], parts[0])
    np.testing.assert_array_equal(whole[1], parts[1])
    assert set(whole[0]) <= set(names)
    assert ((whole[1] >= 0) & (whole[1] <= 1)).all()


@pytest.mark.real_data
@pytest.mark.parametrize(("with_ids", "accuracy"), [(True, 0.9879), (False, 0.5411)])
def test_a_look_up_scores_what_the_study_says(data, labels, real_posts, with_ids, accuracy):
    """In the study blank posts stayed, and ids alone decided which training posts leave."""
    posts = real_posts["training"]
    training = posts[~posts["label"].isin(data.drop_labels) & (posts["post"] != "")]
    validation, _ = filter_posts(real_posts["validation"], data, labels, seed=42)
    if not with_ids:
        by_id = data.leak_free.model_copy(update={"normalised_text": False, "near_duplicate": False})
        training = training[~leaking_rows(training, validation, by_id, ids_known=True).any(axis=1)]
    given, _ = nearest_neighbour(training["post"].tolist(), training["label"].tolist(), validation["post"].tolist())
    assert (given == validation["label"].to_numpy(str)).mean() == pytest.approx(accuracy, abs=0.01)
