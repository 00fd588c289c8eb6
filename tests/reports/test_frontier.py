"""What is said of cost: no technique is named for a need that the test shows to be worse than the chosen one."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reports.made import row

from tweet_sentiment.reports.choice import COSTS, candidates, cautions, cheapest, frontier_table, needs, standings
from tweet_sentiment.reports.figures import frontier_figure
from tweet_sentiment.scoring.comparison import COLUMNS, NOT_SHOWN


def technique(name, accuracy, parameters, seconds, milliseconds, **more):
    costs = dict(zip(COSTS, (parameters, seconds, milliseconds), strict=True))
    return row(name, "leak_free", accuracy, measured=True, device="cpu", dtype="bf16", **costs, **more)


def pair(first, second, difference, p_value=0.5):
    known = {"difference": difference, "low": difference - 0.03, "high": difference + 0.03, "p_adjusted": p_value}
    return {"first": first, "second": second, **known}


LORA = technique("lora", 0.74, 900_000, 4000.0, 1.6, selected=True, dev_accuracy=0.7)
LINEAR = technique("linear", 0.72, 500_000, 20.0, 0.1, dev_accuracy=0.65)
FULL = technique("full", 0.75, 22_000_000, 6000.0, 1.6, dev_accuracy=0.69)
ALIKE = [pair("lora", "linear", 0.02), pair("full", "lora", 0.01), pair("full", "linear", 0.03)]


def table(rows, pairs):
    return frontier_table(pd.DataFrame(rows), pd.DataFrame(pairs, columns=COLUMNS), level=0.95)


def recommended(found):
    """Return what is said of the chosen one, then the row of each need, then the cautions."""
    return [*standings(found), *(row for _, rows in needs(found) for row in rows), *cautions(found)]


def test_the_frontier_leaves_out_what_another_beats_at_its_cost():
    found = table([FULL, LINEAR, LORA], ALIKE).set_index("technique")
    every = ", ".join(COSTS.values())
    assert dict(found["on_frontier"]) == {
        "lora": "trained parameters, seconds of training",
        "full": every,
        "linear": every,
    }


def test_a_better_technique_of_another_run_is_named_with_the_command_that_promotes_it():
    other = technique("lora (mpnet)", 0.78, 900_000, 9000.0, 9.0, dev_accuracy=0.71)
    found = table([LORA, other], [pair("lora", "lora (mpnet)", -0.04, 1e-4)])
    assert "Better by a test: lora (mpnet)." in standings(found)[0]
    assert "lora (mpnet) is better than the chosen one on the dev split." in cautions(found)[0]
    assert cautions(found)[0].endswith("kedro run --pipelines=reporting --params=run=mpnet")
    assert not any("better than the chosen" in one for one in cautions(table([LORA, FULL], ALIKE)))


def test_of_techniques_that_are_not_shown_to_differ_the_cheaper_is_taken():
    said = recommended(table([FULL, LINEAR, LORA], ALIKE))
    assert said[0] == (
        "Chosen on the dev split by accuracy: lora, with an accuracy of 0.7400 (0.710–0.770) on the test posts and "
        "0.7000 on the dev split. "
        "Not shown to differ from it: full, linear."
    )
    apart = "-2.0 points (-5.0 to +1.0): no difference is shown"
    assert said[1] == ["Fewest trained parameters", "linear", "500,000 trained parameters", "900,000", apart]
    assert said[3] == ["Fastest predictions", "linear", "0.1 milliseconds per post", "1.6", apart]


def test_a_cheaper_one_that_is_worse_is_not_taken():
    said = recommended(table([LINEAR, LORA], [pair("linear", "lora", -0.04, p_value=0.001)]))
    assert said[0].endswith("Worse by a test: linear.")
    assert [one[1] for one in said[1:4]] == ["lora"] * 3


def test_the_highest_accuracy_on_the_test_posts_chooses_nothing():
    lucky = FULL | {"accuracy": 0.9, "dev_accuracy": 0.6}
    said = recommended(table([lucky, LORA], [pair("full", "lora", 0.16, p_value=0.001)]))
    assert said[0].startswith("Chosen on the dev split by accuracy: lora, ")
    assert said[0].endswith("Better by a test: full.")
    none = table([one | {"selected": False, "dev_accuracy": None} for one in (LINEAR, FULL)], ALIKE)
    assert recommended(none) == ["No technique was measured on the dev split, so none is chosen."]
    assert "none is chosen" in frontier_figure(none).layout.title.text.replace("<br>", " ")


def test_a_technique_that_is_named_was_not_chosen_on_the_dev_split():
    named = LORA | {"selected_by": "promotion.technique", "dev_accuracy": None}
    said = recommended(table([LINEAR, named], ALIKE))
    assert said[0].startswith(
        "Named by promotion.technique: lora, with an accuracy of 0.7400 (0.710–0.770) on the test posts."
    )


def test_what_others_are_measured_by_is_taken_for_no_need_unless_it_is_named():
    always = technique("majority_class", 0.73, 0, 0.0, 0.001)
    untested = [pair("lora", "majority_class", 0.01)]
    assert cheapest(table([always, LORA], untested), "ms_per_post")["technique"] == "lora"
    rows = [always | {"selected": True, "selected_by": "promotion.technique"}, LORA | {"selected": False}]
    assert cheapest(table(rows, untested), "ms_per_post")["technique"] == "majority_class"


def test_a_difference_that_only_its_own_interval_shows_is_not_shown():
    found = table([LINEAR, LORA], [pair("linear", "lora", -0.04)])
    assert list(found["stands"]) == ["chosen", NOT_SHOWN]
    assert cheapest(found, "seconds")["technique"] == "lora"  # nor is it taken for as good


def test_what_was_never_compared_with_the_best_is_not_taken_either():
    found = table([LINEAR, LORA], [])
    assert list(found["stands"]) == ["chosen", "not tested"]
    assert cheapest(found, "seconds")["technique"] == "lora"


def test_a_cost_that_nobody_measured_is_said_and_others_still_count():
    rows = [LORA | {"ms_per_post": None}, LINEAR | {"ms_per_post": None}]
    said = recommended(table(rows, ALIKE))
    assert said[3] == ["Fastest predictions", "–", "milliseconds per post were not measured", "–", "–"]
    assert said[2][1] == "linear"


def test_what_makes_figures_hard_to_compare_is_said():
    rows = [LORA | {"n_train": 50_000}, LINEAR | {"n_train": 10_000, "dtype": "fp64"}]
    said = " ".join(cautions(table(rows, ALIKE)))
    assert "linear (10,000)" in said
    assert "cpu bf16, cpu fp64" in said
    rows = [LORA, LINEAR | {"technique": "linear_svc", "dtype": "fp64"}]  # no classical model has another
    assert "Times were measured" not in " ".join(cautions(table(rows, [pair("lora", "linear_svc", 0.02)])))


def test_of_equal_techniques_a_simpler_one_is_chosen():
    rows = [row(name, "leak_free", 0.9, dev_accuracy=0.9) for name in ("lora", "linear_svc", "majority_class")]
    assert list(candidates(pd.DataFrame(rows), "accuracy")) == ["linear_svc", "lora"]


def test_a_cheaper_one_that_may_be_far_worse_is_not_taken():
    apart = pair("lora", "linear", 0.02)
    wide = table([LINEAR, LORA], [apart | {"low": -0.3, "high": 0.4}])
    assert cheapest(wide, "seconds")["technique"] == "lora"


def test_times_that_the_load_of_a_machine_may_explain_do_not_decide():
    near = LINEAR | {"ms_per_post": 1.5, "seconds": 100.0}
    found = table([near, LORA], ALIKE)
    assert cheapest(found, "ms_per_post")["technique"] == "lora"
    assert cheapest(found, "seconds")["technique"] == "linear"


def test_other_protocols_and_what_was_not_measured_stay_out():
    rows = [LORA, row("leaky", "published", 0.99, measured=True), LINEAR | {"measured": False, "accuracy": 0.9}]
    rows = [one | {"device": "cpu", "dtype": "bf16", "ms_per_post": 1.0} for one in rows]
    assert list(table(rows, ALIKE)["technique"]) == ["lora"]


def test_without_a_leak_free_technique_there_is_an_empty_table_and_a_figure_that_says_so():
    found = table([LORA | {"protocol": "published"}], ALIKE)
    assert found.empty
    assert recommended(found) == []
    assert frontier_figure(found).layout.title.text == "Nothing was run under leak_free"


def test_the_figure_has_a_panel_a_cost_and_its_title_says_what_follows():
    figure = frontier_figure(table([FULL, LINEAR, LORA], ALIKE))
    titles = [figure.layout[f"xaxis{n}"].title.text.replace("<br>", " ") for n in (2, 3, 4)]
    assert titles == list(COSTS.values())
    assert figure.layout.title.text.replace("<br>", " ") == (
        "lora, chosen on the dev split by accuracy, has 74.0% (leak_free); linear is faster and not shown to be worse"
    )
    assert list(figure.data[0].y) == ["full", "lora", "linear"]
    assert list(figure.data[1].marker.symbol) == ["circle", "circle", "circle"]


COST = st.one_of(st.none(), st.integers(0, 3))


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 4), COST, COST, COST), min_size=1, max_size=6))
def test_nothing_lies_above_the_frontier_and_some_technique_is_on_it(given):
    rows = [technique(f"t{i}", accuracy / 4, *costs) for i, (accuracy, *costs) in enumerate(given)]
    found = table(rows, [])
    for cost, words in COSTS.items():
        known = found.dropna(subset=[cost])
        on_line = known[known["on_frontier"].str.contains(words)]
        assert len(on_line) or known.empty
        for one in on_line.to_dict("records"):
            assert not ((known["accuracy"] > one["accuracy"]) & (known[cost] <= one[cost])).any()


@pytest.mark.parametrize("flipped", [False, True])
def test_the_interval_is_to_the_best_whichever_stands_first(flipped):
    a = pair("linear", "lora", -0.02) if flipped else pair("lora", "linear", 0.02)
    linear = table([LINEAR, LORA], [a]).iloc[1]
    assert linear[["difference", "difference_low", "difference_high"]].tolist() == pytest.approx([-0.02, -0.05, 0.01])
