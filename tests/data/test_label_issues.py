"""Labels in doubt: what was labelled wrongly on purpose is found, and nothing judges itself."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweet_sentiment.data.label_issues import (
    COLUMNS,
    MANY_IDS,
    NO_WORDS,
    TWO_LABELS,
    UNLIKELY,
    label_issues,
    out_of_fold,
    without_issues,
)
from tweet_sentiment.parameters import DataParameters
from tweet_sentiment.scoring.metrics import PROBABILITY
from tweet_sentiment.techniques import classical

LABELS = ["bad", "good"]
WORDS = {
    "bad": ["awful", "broken", "slow", "rude", "cold", "dirty", "late", "loud"],
    "good": ["lovely", "quick", "bright", "kind", "warm", "clean", "calm", "fresh"],
}


def posts_of(texts, labels, ids=None):
    ids = [str(n) for n in range(len(texts))] if ids is None else ids
    return pd.DataFrame({"row": range(len(texts)), "id": ids, "entity": "", "label": labels, "post": texts})


def classifier(training, posts):
    fitted = classical.fit("logistic_regression", training, classical.Parameters(text="raw", C=100.0), LABELS, seed=1)
    return classical.predict(fitted, posts, LABELS)[[f"{PROBABILITY}{label}" for label in LABELS]].to_numpy()


def even(training, posts):
    return np.full((len(posts), 2), 0.5)


@pytest.fixture(scope="module")
def flipped():
    random = np.random.default_rng(3)
    truth = random.choice(LABELS, 400)
    texts = [" ".join([*random.choice(WORDS[label], 3), f"order{number}"]) for number, label in enumerate(truth)]
    wrong = random.choice(400, 24, replace=False)
    labels = truth.copy()
    labels[wrong] = [LABELS[1 - LABELS.index(label)] for label in truth[wrong]]
    return posts_of(texts, labels), set(wrong.tolist())


def test_labels_that_were_changed_on_purpose_are_the_worst_and_get_their_true_label_back(flipped):
    posts, wrong = flipped
    table, counts = label_issues(posts, posts.head(0), classifier, LABELS, ids_known=True, seed=1)
    listed = table[table["issue"] == UNLIKELY]
    assert list(table.columns) == COLUMNS
    assert len(set(listed["row"]) & wrong) >= 0.8 * len(wrong)
    assert len(listed) <= 1.5 * len(wrong)
    assert (listed["label"] != listed["likely_label"]).all()
    assert table["label_quality"].is_monotonic_increasing
    assert counts["training"]["agreement"] == pytest.approx(1 - len(wrong) / len(posts), abs=0.03)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from(LABELS)), min_size=4, max_size=60),
    st.booleans(),
    st.integers(0, 3),
)
def test_a_post_is_never_judged_by_a_classifier_that_has_seen_its_tweet(rows, ids_known, seed):
    posts = posts_of([f"text {n}" for n, _ in rows], [label for _, label in rows], [str(n) for n, _ in rows])
    judged = []

    def watched(training, held_out):
        assert not set(training["id"]) & set(held_out["id"])
        judged.extend(held_out["row"])
        return even(training, held_out)

    found = out_of_fold(posts, watched, LABELS, ids_known, seed)
    assert sorted(judged) == (list(posts["row"]) if judged else [])
    assert np.isnan(found).all() == (not judged)


def test_a_label_with_a_single_tweet_cannot_be_judged_and_no_label_is_called_unlikely():
    posts = posts_of(["one good shop", "one bad shop", "two bad shops"], ["good", "bad", "bad"])
    table, counts = label_issues(posts, posts.head(0), classifier, LABELS, ids_known=True, seed=1)
    assert table.empty
    assert counts == {"training": {"posts": 3, "share": 0.0, "agreement": 0.0}}


def test_posts_that_give_no_reason_for_a_label_are_listed_by_what_they_are():
    texts = ["the", "<unk>", *["same old words"] * 6, "two labels here", "Two labels here!", "a post like any other"]
    labels = ["bad", "good"] + ["bad"] * 6 + ["bad", "good", "good"]
    table, counts = label_issues(posts_of(texts, labels), posts_of(["the"], ["bad"]), even, LABELS, True, 1)
    issues = {part: rows.set_index("row")["issue"].to_dict() for part, rows in table.groupby("part")}
    expected = {0: NO_WORDS, 1: NO_WORDS, **dict.fromkeys(range(2, 8), MANY_IDS), 8: TWO_LABELS, 9: TWO_LABELS}
    assert issues["test"] == {0: NO_WORDS}
    assert {row: issue for row, issue in issues["training"].items() if row != 10} == expected
    assert counts["training"][MANY_IDS] == 6
    without_ids, _ = label_issues(posts_of(texts, labels), posts_of([], []), even, LABELS, False, 1)
    assert MANY_IDS not in set(without_ids["issue"])


def test_dropping_leaves_the_dev_split_and_every_post_that_is_not_in_doubt(flipped):
    posts, _ = flipped
    training = posts.assign(dev=posts["row"] % 10 == 0)
    table = pd.DataFrame({"part": ["training"] * 30 + ["test"], "row": [*range(30), 399]})
    kept = without_issues(training, table)
    assert set(kept["row"]) == {*range(30, 400), 0, 10, 20}
    assert without_issues(training, table.head(0)).equals(training)


def test_issues_are_kept_unless_they_are_to_be_dropped(parameters):
    assert parameters.data.label_issues == "keep"
    with pytest.raises(ValueError, match="label_issues"):
        DataParameters(**parameters.data.model_dump() | {"label_issues": "never"})


def test_a_sentence_in_a_script_without_spaces_has_words():
    texts = ["広告が多すぎる", "แอปดีมาก", "太吵了", "😡 1234", "Великолепно"]
    table, _ = label_issues(posts_of(texts, ["bad"] * 5), posts_of([], []), even, LABELS, ids_known=False, seed=1)
    assert list(table.loc[table["issue"] == NO_WORDS, "post"]) == texts[3:]
