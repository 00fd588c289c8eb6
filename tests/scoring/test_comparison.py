from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.scoring.tables import draw_tweets, predictions, small_predictions

from tweet_sentiment.scoring.comparison import (
    BETTER,
    COLUMNS,
    NOT_SHOWN,
    WORSE,
    against,
    compare_pairs,
    holm,
    p_words,
    paired_difference,
    sign_flip_p,
    verdict,
)

SETTINGS = {"resamples": 500, "level": 0.95, "seed": 3}


def with_right(table, right):
    """Return the table with these rows right and the others wrong."""
    names = np.array(sorted(set(table["label"])))
    wrong = names[(np.searchsorted(names, table["label"]) + 1) % len(names)]
    return table.assign(predicted=np.where(right, table["label"], wrong))


def technique(ids, right):
    return with_right(predictions([i % 3 for i in range(len(right))], [0] * len(right), ids), np.array(right))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=3, max_size=60))
def test_mcnemar_is_the_binomial_test_of_the_rows_that_only_one_has_right(rights):
    first, second = (technique(None, right) for right in zip(*rights, strict=True))
    found = paired_difference(first, second, **SETTINGS)
    only_first, only_second = rights.count((True, False)), rights.count((False, True))
    apart = only_first + only_second
    assert found["test"] == "McNemar exact"
    assert found["p_value"] == pytest.approx(stats.binomtest(only_first, apart).pvalue if apart else 1.0)
    assert found["difference"] == pytest.approx((only_first - only_second) / len(rights))


@settings(max_examples=5)
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
    assert (found["test"], found["difference"]) == ("sign flips by group, exact", 0.5)
    assert found["p_value"] > 0.05
    assert found["low"] <= 0 < found["high"]
    as_rows = [table.assign(id=table["row"].astype("str")) for table in (first, second)]
    assert paired_difference(*as_rows, **SETTINGS)["p_value"] < 1e-9


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=10))
def test_the_test_by_tweets_counts_every_way_to_flip_the_signs(differences):
    found = np.array(differences)
    sums = np.abs(np.array(list(product((-1, 1), repeat=len(found)))) @ found)
    assert sign_flip_p(found) == pytest.approx((sums >= abs(found.sum())).mean())
    assert sign_flip_p(-found) == sign_flip_p(found)


@given(st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(sorted), st.floats(0, 1), st.sampled_from([0.9, 0.95, 0.99]))
def test_a_verdict_needs_both_the_interval_and_the_test(ends, p_adjusted, level):
    found = verdict(*ends, p_adjusted, level)
    assert (found == BETTER) == (ends[0] > 0 and p_adjusted < round(1 - level, 2))
    assert (found == WORSE) == (ends[1] < 0 and p_adjusted < round(1 - level, 2))
    assert verdict(*ends, float("nan"), level) == verdict(0.1, 0.2, 0.05, 0.95) == NOT_SHOWN


def test_pairs_with_one_technique_are_turned_to_it_and_keep_their_p_values():
    names = ("best", "good", "fair", "poor")
    tables = {name: technique(None, np.arange(200) < n) for name, n in zip(names, (190, 170, 160, 60), strict=True)}
    pairs = compare_pairs(tables, **SETTINGS)
    found = against("good", pairs, 0.95)
    known = {frozenset((row["first"], row["second"])): row["p_adjusted"] for row in pairs.to_dict("records")}
    assert dict(found["difference"]) == pytest.approx({"best": 0.1, "fair": -0.05, "poor": -0.55})
    assert dict(found["verdict"]) == {"best": BETTER, "fair": WORSE, "poor": WORSE}
    assert (found["low"] <= found["difference"]).all()
    assert (found["difference"] <= found["high"]).all()
    assert all(found["p_adjusted"][other] == known[frozenset(("good", other))] for other in found.index)
    assert against("nobody", pairs, 0.95).empty


def test_a_p_value_that_is_too_small_to_write_is_written_as_below():
    assert [p_words(p) for p in (1e-300, 0.0009, 0.001, 0.0449)] == ["< 0.001", "< 0.001", "0.001", "0.045"]


@settings(max_examples=10)
@given(st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), min_size=1))
def test_holm_never_lowers_a_p_value_and_does_not_count_what_was_not_asked(p_values):
    given_values = np.array(p_values)
    found = holm(given_values)
    asked = ~np.isnan(given_values)
    assert (np.isnan(found) == ~asked).all()
    if asked.any():
        assert (found[asked] >= given_values[asked]).all()
        assert found[asked].max() <= 1
        smallest = given_values[asked].min()
        assert found[asked].min() == pytest.approx(min(1, smallest * asked.sum()))


def as_lucky(table, generator):
    """Return for each row whether another technique is right, as often as ``draw_tweets`` with ``alike`` 0.8."""
    tweets = pd.factorize(table["id"])[0]
    lucky = generator.random(tweets.max() + 1) < 0.7
    return generator.random(len(table)) < 0.7 + 0.8 * (lucky[tweets] - 0.7)


@pytest.mark.slow
def test_equally_good_techniques_are_called_different_as_seldom_as_the_level_says():
    generator, called, samples = np.random.default_rng(5), 0, 300
    for seed in range(samples):
        first = draw_tweets(generator, 120, alike=0.8)
        second = with_right(first, as_lucky(first, generator))
        called += paired_difference(first, second, resamples=400, level=0.95, seed=seed)["p_value"] < 0.05
    assert called / samples == pytest.approx(0.05, abs=0.03)


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
def test_tables_about_other_posts_or_with_a_row_twice_are_refused(change):
    table = predictions([0, 1, 2, 2], [0, 1, 2, 0])
    with pytest.raises(ValueError, match="must be about the same rows"):
        compare_pairs({"one": table, "other": change(table)}, **SETTINGS)
    twice = pd.concat([table, table])
    with pytest.raises(ValueError, match="each row once"):
        paired_difference(twice, twice, **SETTINGS)
