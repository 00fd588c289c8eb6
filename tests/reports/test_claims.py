"""Verdicts on the paper's claims: never beyond what interval, test and terms support."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reports.made import row

from tweet_sentiment.reports.findings import (
    CLAIMS,
    CONTRADICTED,
    NOT_RUN,
    SUPPORTED,
    UNDECIDED,
    accuracy_verdict,
    answer,
    claims_answered,
    claims_table,
    cost_verdict,
    evidence,
)

LEVEL = 0.95
UNFREEZING, SEARCH, BEST, CHEAPEST, LEMMAS, STOP_WORDS = CLAIMS
POINTS = st.floats(-1, 1)
POSTS = st.integers(0, 60_000)


def pair(low, high, p_adjusted, n_first=100, n_second=100):
    known = {"first": "a", "second": "b", "first_n_train": n_first, "second_n_train": n_second}
    return known | {"difference": (low + high) / 2, "low": low, "high": high, "p_adjusted": p_adjusted}


@given(st.tuples(POINTS, POINTS).map(sorted), st.floats(0, 1), POSTS, POSTS)
def test_no_verdict_goes_beyond_interval_test_and_terms(ends, p_adjusted, n_first, n_second):
    low, high = ends
    verdict, _ = accuracy_verdict(pair(low, high, p_adjusted, n_first, n_second), LEVEL)
    if verdict == SUPPORTED:
        assert low > 0
        assert p_adjusted < 1 - LEVEL
        assert n_second == 0 or n_second >= 0.8 * n_first
    elif verdict == CONTRADICTED:
        assert high < 0
        assert p_adjusted < 1 - LEVEL
        assert n_first == 0 or n_first >= 0.8 * n_second
    else:
        assert verdict == UNDECIDED


@given(st.lists(st.sampled_from([SUPPORTED, CONTRADICTED, UNDECIDED, NOT_RUN]), min_size=1))
def test_a_claim_is_supported_by_all_its_comparisons_or_not_at_all(verdicts):
    found = answer(verdicts)
    assert (found == SUPPORTED) == all(one == SUPPORTED for one in verdicts)
    assert (found == CONTRADICTED) == any(one == CONTRADICTED for one in verdicts)


@given(st.floats(0, 1e9), st.floats(0, 1e9), POSTS, POSTS, st.booleans())
def test_times_count_only_when_they_lie_apart_on_one_device_and_on_as_many_posts(mine, other, n_mine, n_other, alike):
    asked = {"measure": "seconds", "first_value": mine, "second_value": other, "first": "a", "second": "b"}
    verdict, why = cost_verdict(asked | {"first_n_train": n_mine, "second_n_train": n_other}, alike)
    if verdict == SUPPORTED:
        assert alike
        assert 2 * mine <= other
        assert n_mine == 0 or n_mine >= 0.8 * n_other
    elif verdict == CONTRADICTED:
        assert alike
        assert mine >= 2 * other
        assert n_other == 0 or n_other >= 0.8 * n_mine
    else:
        assert why


def test_a_longer_training_on_fewer_posts_is_dearer_all_the_same():
    asked = {"measure": "seconds", "first_value": 900.0, "second_value": 9.0, "first": "a", "second": "b"}
    assert cost_verdict(asked | {"first_n_train": 10, "second_n_train": 100}, True) == (CONTRADICTED, "")
    fewer = asked | {"first_value": 9.0, "second_value": 900.0, "first_n_train": 10, "second_n_train": 100}
    assert cost_verdict(fewer, True) == (UNDECIDED, "a learnt from fewer posts")


STUDY = {"baseline": 0.36, "layer_unfreezing": 0.63, "hyperparameter_search": 0.68, "prompt_tuning": 0.64}


def comparison(protocol="leak_free", **changes):
    costs = {"device": "cpu", "dtype": "bf16", "ms_per_post": 1.0, "measured": True, "n_train": 50_000}
    rows = [row(name, protocol, accuracy, **costs) | changes.get(name, {}) for name, accuracy in STUDY.items()]
    return pd.DataFrame(rows)


def differences(**p_values):
    """Every pair, the later technique first where it is better: 3 points around what the accuracies say."""
    rows = []
    for place, first in enumerate(STUDY):
        for second in list(STUDY)[place + 1 :]:
            apart = STUDY[first] - STUDY[second]
            known = {"first": first, "second": second, "difference": apart, "test": "McNemar exact"}
            p_value = p_values.get(second, 0.8 if abs(apart) < 0.03 else 0.001)
            rows.append(
                known | {"low": apart - 0.03, "high": apart + 0.03, "p_value": p_value / 9, "p_adjusted": p_value}
            )
    return pd.DataFrame(rows)


def cleaning(**differences):
    plain = {"variant": "published_plain", "stop_words": "kept", "lemmas": "no", "reference": "corrected_plain"}
    ways = [plain | {"difference": -0.03, "difference_low": -0.06, "difference_high": 0.0, "p_adjusted": 0.05}]
    for name, (stop_words, lemmas) in {"stop": ("removed", "no"), "lemmas": ("kept", "yes")}.items():
        apart = differences[name]
        ends = {"difference_low": apart - 0.02, "difference_high": apart + 0.02, "p_adjusted": 0.001}
        way = {"variant": f"published_{name}", "stop_words": stop_words, "lemmas": lemmas}
        ways.append(way | {"reference": "published_plain", "difference": apart} | ends)
    return pd.DataFrame(ways).assign(accuracy=0.6, n_train=6000, test="McNemar exact", p_value=0.001)


def said(table, protocol="leak_free"):
    header, rows = claims_answered(table)
    return {row[0]: row[header.index(protocol)].partition(" (")[0] for row in rows}


def asked(compared=None, ablation=None, pairs=None):
    compared = comparison() if compared is None else compared
    of_protocol = {"leak_free": differences() if pairs is None else pairs}
    return claims_table(compared, of_protocol, {} if ablation is None else {"leak_free": ablation}, LEVEL)


def test_each_claim_has_the_verdict_that_its_differences_give():
    found = said(asked(ablation=cleaning(stop=-0.05, lemmas=0.01)))
    assert found[UNFREEZING] == SUPPORTED
    assert found[SEARCH] == SUPPORTED
    assert found[BEST] == CONTRADICTED  # the search is better
    assert found[STOP_WORDS] == SUPPORTED
    assert found[LEMMAS] == UNDECIDED
    assert set(said(asked(), "published").values()) == {NOT_RUN}


def test_the_sign_of_a_pair_is_that_of_the_claim_whichever_stands_first():
    unfreezing = asked().set_index(["claim", "protocol"]).loc[(UNFREEZING, "leak_free")]
    assert unfreezing["difference"] == pytest.approx(0.27)
    assert (unfreezing["low"], unfreezing["high"]) == (pytest.approx(0.24), pytest.approx(0.30))
    assert unfreezing["second_n_train"] == 50_000


def test_a_technique_that_learnt_from_fewer_posts_contradicts_nothing():
    table = asked(comparison(prompt_tuning={"n_train": 10_000}))
    assert said(table)[BEST] == UNDECIDED
    assert any("prompt_tuning learnt from fewer posts" in row[-1] for row in evidence(table)[1])


def test_a_step_that_helps_contradicts_that_it_hurts():
    assert said(asked(ablation=cleaning(stop=0.05, lemmas=0.05)))[STOP_WORDS] == CONTRADICTED


def test_a_pair_has_the_p_value_of_the_table_it_comes_from():
    """A second correction, over the claims alone, would let one report say two things of a pair."""
    known = {"layer_unfreezing": 0.02, "hyperparameter_search": 0.07, "prompt_tuning": 0.02}
    table = asked(pairs=differences(**known))
    assert set(table["p_adjusted"].dropna()) == {0.02, 0.07}
    assert said(table)[UNFREEZING] == SUPPORTED
    assert said(table)[SEARCH] == UNDECIDED


def test_costs_are_asked_against_both_trained_techniques():
    dearer = {"trainable_parameters": 9_999, "seconds": 100.0, "ms_per_post": 2.0}
    table = asked(comparison(prompt_tuning=dearer))
    costs = table[(table["claim"] == CHEAPEST) & (table["protocol"] == "leak_free")]
    assert list(costs["verdict"]) == [CONTRADICTED] * 6
    dear = ["prompt_tuning against layer_unfreezing", "9,999 to 7 trained parameters", CONTRADICTED]
    assert dear in [row[2:] for row in evidence(table)[1]]


def test_what_was_not_measured_or_is_of_another_protocol_answers_nothing():
    expected = comparison().assign(measured=False)
    grouped = comparison("grouped")
    assert set(asked(pd.concat([expected, grouped]))["verdict"]) == {NOT_RUN}


def test_each_verdict_stands_beside_the_figures_that_it_rests_on(tmp_path):
    table = asked(ablation=cleaning(stop=-0.05, lemmas=0.01))
    path = tmp_path / "claims.csv"
    table.to_csv(path, index=False)
    for read in (table, pd.read_csv(path)):
        header, rows = claims_answered(read)
        assert header == ["claim", "leak_free", "published"]
        assert rows[0] == [UNFREEZING, SUPPORTED, NOT_RUN]
        assert rows[2] == [BEST, f"{CONTRADICTED} (1 of 3 comparisons support it)", NOT_RUN]
        rests = ["leak_free", "layer_unfreezing against baseline", "+27.0 points (+24.0 to +30.0), adjusted p 0.001"]
        assert evidence(read)[1][0] == [UNFREEZING, *rests, SUPPORTED]
