"""What is expected is never put as if it were measured."""

import pandas as pd
from tests.reports.test_reports import LEAKING, material, row

from tweet_sentiment.pipelines.reporting.nodes import COLUMNS, compare
from tweet_sentiment.reports.learning import SHOWN
from tweet_sentiment.reports.render import as_markdown
from tweet_sentiment.reports.sections import sections

EXPECTED = row("lora", "leak_free", 0.7, n_train=50_000, measured=False, dev_accuracy=None)
CURVE = [row("lora", "leak_free", 0.5 + n / 100, n_train=1000 * n, measured=True) for n in (1, 4, 16)]
TABLE = pd.DataFrame([*CURVE, EXPECTED]).assign(error_floor=0.2, error_excess=0.1, exponent=0.3)
TABLE = TABLE.reindex(columns=[*dict.fromkeys([*TABLE, *SHOWN])])


def said(comparison):
    made = sections(material(comparison, learning_curves={"leak_free": TABLE}))
    return as_markdown("t", made).split("## What more posts give")[1]


def test_an_expectation_says_that_it_was_not_measured():
    measured = [one | {"measured": True} for one in LEAKING]
    assert "lora (leak_free): 0.7000 (0.670–0.730) is to be expected of all 50,000 posts; not measured." in (
        said(measured)
    )


def test_beside_it_stands_what_was_measured_of_that_technique_and_protocol_alone():
    own = row("lora", "leak_free", 0.72, n_train=50_000, measured=True)
    words = said([own, row("lora", "published", 0.9, measured=True)])
    assert "not measured. Its own run learnt from 50,000 and was right for 0.7200 (0.690–0.750)." in words
    assert "0.9000" not in words


def test_the_comparison_holds_it_marked_and_shows_it_nowhere_as_a_result(parameters):
    own = pd.DataFrame([row("lora", "leak_free", 0.6, measured=True, encoder="e", texts="raw", seed=1)])
    own = own.reindex(columns=COLUMNS).assign(selected=False)
    table, words = compare(own, {}, {"leak_free": lambda: TABLE, "grouped": lambda: TABLE}, {}, parameters)
    assert list(table["measured"]) == [True, False]
    assert "0.7000" not in words
