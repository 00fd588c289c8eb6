import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from tests.scoring.tables import LABELS, draw_tweets, predictions, small_predictions

from tweet_sentiment.errors import StudyError
from tweet_sentiment.scoring.metrics import FORMULAS, INTERVALS, Counts
from tweet_sentiment.scoring.uncertainty import (
    bootstrap_intervals,
    confusion_by_tweet,
    resampled_sums,
    sums_by_tweet,
    tweet_codes,
)


def sklearn_scores(table):
    true, given = table["label"], table["predicted"]
    return {
        "accuracy": accuracy_score(true, given),
        "f1": f1_score(true, given, labels=LABELS, average="weighted", zero_division=0),
        "macro_f1": f1_score(true, given, labels=LABELS, average="macro", zero_division=0),
    }


@given(small_predictions())
def test_each_tweet_s_matrix_is_that_of_its_rows_and_their_sum_gives_scikit_learn_s_scores(table):
    matrices = confusion_by_tweet(table, LABELS)
    assert len(matrices) == table["id"].nunique()
    for matrix, (_, rows) in zip(matrices, table.groupby("id", sort=False), strict=True):
        assert (matrix == confusion_matrix(rows["label"], rows["predicted"], labels=LABELS)).all()
    counts = Counts(matrices.sum(axis=0)[None])
    assert {name: FORMULAS[name].of(counts).item() for name in INTERVALS} == pytest.approx(sklearn_scores(table))


@settings(max_examples=20)
@given(small_predictions(), st.integers(0, 100))
def test_a_resample_is_a_draw_of_whole_tweets(table, seed):
    """With powers of a large base for counts, a sum tells how often each tweet was drawn."""
    tweets = table["id"].nunique()
    sums = resampled_sums(np.array([[100**i] for i in range(tweets)]), 20, seed)
    for (total,) in sums:
        times = [int(total) // 100**i % 100 for i in range(tweets)]
        assert sum(times) == tweets


def test_with_one_row_a_tweet_it_is_the_ordinary_bootstrap():
    table = draw_tweets(np.random.default_rng(1), 60, alike=0.0)
    table["id"] = table["row"].astype("str")
    ours = bootstrap_intervals(table, LABELS, resamples=4000, level=0.9, seed=1)
    true, given_codes = (np.searchsorted(LABELS, table[column]) for column in ("label", "predicted"))

    def scores(drawn):
        labelled, predicted = (np.eye(3)[codes[drawn]] for codes in (true, given_codes))
        of_class = 2 * (labelled * predicted).sum(axis=0) / (labelled + predicted).sum(axis=0)
        return (labelled * predicted).sum() / len(drawn), labelled.mean(axis=0) @ of_class, of_class.mean()

    theirs = stats.bootstrap(
        (np.arange(len(table)),),
        scores,
        vectorized=False,
        n_resamples=4000,
        confidence_level=0.9,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    for name, low, high in zip(("accuracy", "f1", "macro_f1"), *theirs, strict=True):
        assert ours[name] == pytest.approx((low, high), abs=0.006)


def test_an_interval_is_the_seed_s_holds_its_score_and_widens_with_the_level():
    table = draw_tweets(np.random.default_rng(2), 80, alike=0.5)
    narrow, again, wide = (
        bootstrap_intervals(table, LABELS, resamples=500, level=level, seed=5) for level in (0.8, 0.8, 0.99)
    )
    assert narrow == again
    for name, score in sklearn_scores(table).items():
        assert wide[name][0] < narrow[name][0] < score < narrow[name][1] < wide[name][1]


def coverage(alike, by_row, samples=400):
    """Return how often a 95 % interval of accuracy holds the true one, 0.7."""
    generator, held = np.random.default_rng(11), 0
    for seed in range(samples):
        table = draw_tweets(generator, 150, alike)
        if by_row:
            table["id"] = table["row"].astype("str")
        low, high = bootstrap_intervals(table, LABELS, resamples=400, level=0.95, seed=seed)["accuracy"]
        held += low <= 0.7 <= high
    return held / samples


@pytest.mark.slow
@pytest.mark.parametrize("alike", [0.0, 0.8])
def test_intervals_by_tweet_cover_the_truth_as_often_as_they_say(alike):
    assert coverage(alike, by_row=False) == pytest.approx(0.95, abs=0.03)


@pytest.mark.slow
def test_intervals_by_row_cover_it_too_seldom_where_copies_are_judged_alike():
    assert coverage(0.0, by_row=True) == pytest.approx(0.95, abs=0.03)
    assert coverage(0.8, by_row=True) < 0.75


def test_posts_without_an_id_stand_for_themselves():
    table = predictions([0, 1, 2, 0], [0, 1, 2, 0], ["", "5", "", "5"])
    assert tweet_codes(table).tolist() == [0, 1, 2, 1]
    assert sums_by_tweet(table, np.array([[1], [2], [4], [8]])).tolist() == [[1], [10], [4]]


def test_one_tweet_is_refused_and_so_are_labels_that_nobody_named():
    with pytest.raises(StudyError, match="about 1 tweet id"):
        bootstrap_intervals(predictions([0, 1], [0, 2], [7, 7]), LABELS, resamples=100, level=0.9, seed=0)
    with pytest.raises(ValueError, match="Positive"):
        bootstrap_intervals(predictions([0, 1], [0, 2]), LABELS[:2], resamples=100, level=0.9, seed=0)
