"""The three sentences claim nothing that intervals and tests do not show."""

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reports.made import LEAKING, material, row

from tweet_sentiment.reports.accuracy import finding
from tweet_sentiment.reports.sections import INVENTED, sections
from tweet_sentiment.reports.summary import standing, summary
from tweet_sentiment.scoring.comparison import BETTER, WORSE

NAMES = ["a", "b", "c", "d"]


def said(rows, **more):
    return summary(material(rows, **more))


def difference(first, second, better):
    apart = {first: 0.1, second: -0.1}.get(better, 0.0)
    ends = {"difference": apart, "low": apart - 0.05, "high": apart + 0.05}
    return {"first": first, "second": second, "p_adjusted": 0.001 if better else 0.9, **ends}


def test_there_are_three_sentences():
    for rows in (LEAKING, LEAKING[:1], LEAKING[1:]):
        sentences = said(rows)
        assert len(sentences) == 3
        for sentence in sentences:
            assert sentence.endswith(".")
            assert not re.search(r"[.:] [A-Z]", sentence)


def test_a_figure_that_falls_without_the_leak_is_called_memory():
    memory = said(LEAKING)[1]
    assert "nearest_neighbour scores 0.9800 under the published protocol and 0.5400" in memory
    assert "the difference is memory" in memory


def test_a_fall_within_the_intervals_is_not_called_memory():
    same = [row("linear_svc", "published", 0.70), row("linear_svc", "leak_free", 0.65)]
    assert "memory" not in said(same)[1]
    assert "none of the 1 techniques" in said(same)[1]
    assert "falls" not in finding(pd.DataFrame(same))


def test_with_one_protocol_no_fall_is_spoken_of():
    assert "no fall can be measured" in said(LEAKING[:1])[1]
    assert "protocol=leak_free" in said(LEAKING[:1])[1]
    assert "protocol=published" in said(LEAKING[1:])[1]


def test_figures_of_invented_posts_are_said_to_be_of_such():
    assert sections(material(LEAKING, run="sample"))[0].paragraphs[0] == INVENTED
    assert INVENTED not in sections(material(LEAKING, run="kaggle"))[0].paragraphs


ROWS = [row("a", "leak_free", 0.7), row("b", "leak_free", 0.69), row("c", "leak_free", 0.5), row("d", "leak_free", 0.4)]


def test_only_a_significant_difference_makes_better():
    tests = pd.DataFrame([difference("a", "b", ""), difference("c", "a", "a")])
    best = said(ROWS, differences={"leak_free": tests})[2]
    assert "of a, which is better than c by a test, is not shown to differ from b and was not tested against d." in best


def test_what_the_dev_split_chooses_is_named_and_not_the_highest_accuracy_on_the_test_posts():
    rows = [ROWS[0], ROWS[1] | {"selected": True}, *ROWS[2:]]
    tests = pd.DataFrame([difference("a", "b", "a"), difference("b", "c", "b"), difference("b", "d", "")])
    best = said(rows, differences={"leak_free": tests})[2]
    assert best.startswith(
        "Under leak_free b is chosen on the dev split by accuracy; its accuracy is 0.6900 (0.660–0.720, 828 posts), "
    )
    assert best.endswith("is better than c by a test, is worse than a by a test and is not shown to differ from d.")
    assert finding(pd.DataFrame(rows)) == "Chosen under leak_free is b, 69.0%"


def test_without_tests_nothing_is_better():
    assert "better" not in said(ROWS)[2]
    assert "was not tested against b, c and d" in said(ROWS)[2]


def test_the_tests_of_another_protocol_do_not_count():
    tests = pd.DataFrame([difference("a", "b", "a")])
    assert "better" not in said(ROWS, differences={"published": tests})[2]


@given(st.lists(st.sampled_from(["", *NAMES]), min_size=6, max_size=6), st.permutations(NAMES))
def test_every_other_technique_stands_in_one_list_and_better_only_where_a_test_says_so(verdicts, names):
    pairs = [(one, two) for i, one in enumerate(names) for two in names[i + 1 :]]
    told = {pair: better if better in pair else "" for pair, better in zip(pairs, verdicts, strict=True)}
    best, *others = names
    stands = standing(best, others, pd.DataFrame([difference(*pair, better) for pair, better in told.items()]), 0.95)
    assert sorted(name for one in stands.values() for name in one) == sorted(others)
    mine = {other: better for pair, better in told.items() if best in pair for other in {*pair} - {best}}
    assert set(stands.get(BETTER, [])) == {other for other, better in mine.items() if better == best}
    assert set(stands.get(WORSE, [])) == {other for other, better in mine.items() if better == other}


@pytest.mark.parametrize("protocol", ["published", "grouped"])
def test_the_leak_is_not_left_unsaid_where_only_its_protocol_was_run(protocol):
    best = said([row("a", protocol, 0.9)])[2]
    assert ("measures memory as well" in best) == (protocol == "published")
