import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.uncertainty.tables import draw_tweets, predictions, small_predictions

from tweet_sentiment.uncertainty.comparison import COLUMNS, compare_pairs, paired_difference

SETTINGS = {"resamples": 500, "level": 0.95, "seed": 3}


def with_right(table, right):
    """Return the table with these rows right and the others wrong."""
    names = np.array(sorted(set(table["label"])))
    wrong = names[(np.searchsorted(names, table["label"]) + 1) % len(names)]
    return table.assign(predicted=np.where(right, table["label"], wrong))


def technique(ids, right):
    return with_right(predictions([i % 3 for i in range(len(right))], [0] * len(right), ids), np.array(right))


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=3, max_size=60))
def test_mcnemar_is_the_binomial_test_of_the_rows_that_only_one_has_right(rights):
    first, second = (technique(None, right) for right in zip(*rights, strict=True))
    found = paired_difference(first, second, **SETTINGS)
    only_first, only_second = rights.count((True, False)), rights.count((False, True))
    apart = only_first + only_second
    assert found["test"] == "McNemar exact"
    assert found["p_value"] == pytest.approx(stats.binomtest(only_first, apart).pvalue if apart else 1.0)
    assert found["difference"] == pytest.approx((only_first - only_second) / len(rights))


@settings(max_examples=30, deadline=None)
@given(small_predictions())
def test_a_technique_is_never_better_than_itself(table):
    pairs = compare_pairs({"one": table, "same": table.sample(frac=1, random_state=1)}, **SETTINGS)
    (pair,) = pairs.to_dict("records")
    assert (pair["difference"], pair["low"], pair["high"]) == (0, 0, 0)
    assert (pair["p_value"], pair["p_adjusted"], pair["better"]) == (1, 1, "")


def test_holm_s_adjustment_counted_by_hand():
    rows = 200
    rights = {"best": 190, "good": 170, "fair": 160, "poor": 60}
    pairs = compare_pairs(
        {name: technique(None, np.arange(rows) < right) for name, right in rights.items()}, **SETTINGS
    )
    assert list(pairs.columns) == COLUMNS
    ordered = pairs.sort_values("p_value", kind="stable")
    expected, largest = [], 0.0
    for rank, p_value in enumerate(ordered["p_value"]):
        largest = max(largest, min(1.0, (6 - rank) * p_value))
        expected.append(largest)
    assert ordered["p_adjusted"].tolist() == pytest.approx(expected)
    assert pairs["better"].tolist() == ["best"] * 3 + ["good"] * 2 + ["fair"]


def test_holm_takes_back_what_one_comparison_alone_would_have_called_better():
    right = np.ones(100, dtype=bool)
    others = {f"rival {n}": technique(None, right) for n in range(4)}
    lucky = technique(None, np.arange(100) >= 6)  # six of six to the others: p = 2 / 64
    alone = compare_pairs({"lucky": lucky, "rival": others["rival 0"]}, **SETTINGS)
    assert (alone["p_value"].item(), alone["better"].item()) == (pytest.approx(2 / 64), "rival")
    among_many = compare_pairs({"lucky": lucky, **others}, **SETTINGS)
    assert (among_many["better"] == "").all()


def test_copies_of_a_tweet_are_tested_by_tweet():
    """Two of four tweets decide all: as rows that were overwhelming, as tweets it is next to nothing."""
    ids = np.repeat(np.arange(4), 20)
    first, second = technique(ids, ids < 3), technique(ids, ids < 1)
    found = paired_difference(first, second, **SETTINGS)
    assert (found["test"], found["difference"]) == ("paired bootstrap", 0.5)
    assert found["p_value"] > 0.05
    assert found["low"] <= 0 < found["high"]
    as_rows = [table.assign(id=table["row"].astype("str")) for table in (first, second)]
    assert paired_difference(*as_rows, **SETTINGS)["p_value"] < 1e-9


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(-0.15, 0.15))
def test_the_bootstrap_s_test_and_interval_say_the_same(seed, shift):
    generator = np.random.default_rng(seed)
    first = draw_tweets(generator, 60, alike=0.5)
    second = with_right(first, generator.random(len(first)) < 0.7 + shift)
    found = paired_difference(first, second, resamples=999, level=0.95, seed=seed)
    if not 0.04 < found["p_value"] < 0.06:
        assert (found["p_value"] < 0.05) == (not found["low"] <= 0 <= found["high"])


def as_lucky(table, generator):
    """Return for each row whether another technique is right, as often as ``draw_tweets`` with ``alike`` 0.8."""
    tweets = pd.factorize(table["id"])[0]
    lucky = generator.random(tweets.max() + 1) < 0.7
    return generator.random(len(table)) < 0.7 + 0.8 * (lucky[tweets] - 0.7)


def test_equally_good_techniques_are_called_different_as_seldom_as_the_level_says():
    generator, called, samples = np.random.default_rng(5), 0, 300
    for seed in range(samples):
        first = draw_tweets(generator, 120, alike=0.8)
        second = with_right(first, as_lucky(first, generator))
        called += paired_difference(first, second, resamples=400, level=0.95, seed=seed)["p_value"] < 0.05
    assert called / samples == pytest.approx(0.05, abs=0.03)


def test_the_order_of_rows_does_not_matter():
    first = draw_tweets(np.random.default_rng(8), 30, alike=0.5)
    second = with_right(first, np.random.default_rng(9).random(len(first)) < 0.5)
    shuffled = second.sample(frac=1, random_state=0)
    assert paired_difference(first, shuffled, **SETTINGS) == paired_difference(first, second, **SETTINGS)


def test_fewer_than_two_techniques_make_no_pair():
    assert compare_pairs({}, **SETTINGS).columns.tolist() == COLUMNS
    assert compare_pairs({"alone": predictions([0, 1], [0, 1])}, **SETTINGS).empty


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.iloc[1:],
        lambda table: table.assign(row=table["row"] + 1),
        lambda table: table.assign(id="7"),
        lambda table: table.assign(label=table["label"].to_numpy()[::-1]),
        lambda table: pd.concat([table.iloc[:1], table.iloc[:-1]]),
    ],
    ids=["a row less", "other rows", "other ids", "other labels", "a row twice"],
)
def test_tables_about_other_posts_are_refused(change):
    table = predictions([0, 1, 2, 2], [0, 1, 2, 0])
    with pytest.raises(ValueError, match="must be about the same rows"):
        compare_pairs({"one": table, "other": change(table)}, **SETTINGS)


def test_a_row_that_stands_twice_in_both_tables_is_refused():
    table = predictions([0, 1, 2, 2], [0, 1, 2, 0])
    twice = pd.concat([table, table])
    with pytest.raises(ValueError, match="each row once"):
        paired_difference(twice, twice, **SETTINGS)
