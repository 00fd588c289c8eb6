"""The report claims nothing that intervals and tests do not show, and of other data only what holds of them."""

import json
import re

import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.projects import PROJECT
from tests.reports.made import AUDIT, LEAKING, inputs, row

from tweet_sentiment.pipelines.reporting.nodes import compare
from tweet_sentiment.reports.figures import finding
from tweet_sentiment.reports.inputs import PAPER, SAMPLE, Report, Section
from tweet_sentiment.reports.report import ACCURACY, BASELINE, BEST, LEAK, NEXT, QUESTIONS, as_html, as_markdown, report
from tweet_sentiment.reports.report import summary as summary_of
from tweet_sentiment.reports.tables import COLUMNS, Table, folds, interval, markdown, plain_rows, side_by_side
from tweet_sentiment.storage import file_hash

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
DRAWN = {"data": [{"type": "bar", "x": ["a"], "y": [1]}]}
METRICS = {"encoder": "e", "device": "cpu", "dtype": "fp32", "seed": 7, "versions": {"torch": "2.13.0"}}


def summary(rows, differences=()):
    return summary_of(
        inputs(rows, {f"{name}/differences.csv": pd.DataFrame(one) for name, one in dict(differences).items()})
    )


def text(rows, files=None, **more):
    return as_markdown(report(inputs(rows, files, **more)))


def page_of(*sections):
    return as_html(Report("t", {}, "", [], list(sections)))


# ---------------------------------------------------------------- tables
def test_both_protocols_stand_side_by_side_and_what_was_not_run_is_said():
    header, rows = side_by_side(pd.DataFrame([*LEAKING, row("linear_svc", "leak_free", 0.69, paper_accuracy=0.9)]))
    assert header[1:] == ["encoder", "paper (its protocol leaks)", "published", "leak_free"]
    assert rows[0] == ["nearest_neighbour", "e", "–", "0.9800 (0.950–1.010)", "0.5400 (0.510–0.570)"]
    assert rows[1] == ["linear_svc", "e", "0.9000", "not run", "0.6900 (0.660–0.720)"]


def test_of_folds_alone_the_mean_is_said_and_no_model_that_is_not_promoted():
    rows = [row("lora", f"grouped_{k}_of_5", 0.5 + k / 10, selected=True) for k in range(1, 5)]
    said = summary(rows)
    assert "That is one fold; over the 4 folds its accuracy is 75.0 % on average." in said[ACCURACY]
    assert "kedro predict" not in said[NEXT]
    assert "kedro predict" in summary([*rows, row("lora", "leak_free", 0.6, selected=True)])[NEXT]


def test_folds_are_brought_together():
    rows = [row("linear_svc", f"grouped_{k}_of_3", accuracy) for k, accuracy in enumerate((0.6, 0.7, 0.8), start=1)]
    (crossed,) = folds(pd.DataFrame([*rows, *LEAKING])).to_dict("records")
    assert crossed == {"technique": "linear_svc", "folds": 3, "mean": pytest.approx(0.7), "sd": pytest.approx(0.1)}


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2)))
def test_a_markdown_table_has_a_line_a_row_whatever_the_texts(rows):
    lines = markdown(["a", "b"], rows)
    assert len(lines) == 2 + len(rows)
    for line in lines:
        assert len(re.findall(r"(?<!\\)\|", line)) == 3 or "\\" in line
        assert "\n" not in line
        assert not re.search("<[a-z/!?]", line, re.IGNORECASE)


def test_counts_are_parted_shares_have_four_digits_and_no_p_value_is_written_as_nothing():
    given_table = {"n_train": [55666.0], "accuracy": [0.66666], "better": [None], "id": [2401], "seeds": [3.0]}
    given_table |= {"p_value": [1e-300], "p_adjusted": [0.04]}
    _, rows = plain_rows(pd.DataFrame(given_table))
    assert rows == [["55,666", "0.6667", "–", "2401", "3", "< 0.001", "0.040"]]
    assert (interval(float("nan"), 1.0), interval(0.1234, 0.2)) == ("–", "0.123–0.200")


# ---------------------------------------------------------------- the page
def test_the_page_needs_no_network_and_shows_every_figure():
    files = {"leak_free/x/curves.json": DRAWN, "grouped_1_of_2/x/curves.json": DRAWN}
    page = as_html(report(inputs(LEAKING, files)))
    outside_the_library = re.sub(r"<script>/\*\*?\n\* plotly\.js.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r'(src|href)="(https?:)?//', outside_the_library)
    assert page.count('class="drawing"') == 2  # accuracy, and the curves that are of no fold
    assert page.count("plotly.js v") == 1


@settings(max_examples=15)
@given(TEXTS)
def test_a_post_is_text_in_the_page_never_markup(post):
    page = page_of(Section("s", tables=[Table("c", ["post"], [[f"<script>{post}</script>"]])]))
    assert "<script>" not in page[page.index("<h1>") : page.index("</main>")]


def test_a_figure_s_texts_cannot_end_the_script_that_holds_it():
    page = page_of(Section("s", figures=[("c", go.Figure(go.Bar(x=["</script><b>"], y=[1])))]))
    held = re.search(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert json.loads(held[1])["data"][0]["x"] == ["</script><b>"]


def test_a_figure_s_finding_is_a_heading_of_the_page_and_not_a_line_that_plotly_cuts():
    figure = go.Figure(go.Bar(x=["a"], y=[1])).update_layout(title_text="It <br>rises")
    page = page_of(Section("s", figures=[("c", figure)]))
    assert "<h3>It  rises</h3>" in page
    held = re.search(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert "title" not in json.loads(held[1])["layout"]


def test_the_summary_is_followed_by_figures_tables_and_an_appendix_that_ends_with_how_to_reproduce():
    made = report(inputs(LEAKING))
    assert list(made.answers) == list(QUESTIONS)
    assert [section.title for section in made.main] == ["Figures", "Tables"]
    assert made.appendix[-1].title == "How to reproduce"


def test_of_many_figures_those_without_the_leak_come_first_the_best_technique_s_before_all():
    rows = [
        row("a", "leak_free", 0.5),
        row("b", "leak_free", 0.6),
        row("a", "published", 0.9),
        row("a", "grouped", 0.4),
    ]
    files = {f"{key}/confusion.json": DRAWN for key in ("published/a", "grouped/a", "leak_free/a", "leak_free/b")}
    files |= {f"{key}/lengths.json": DRAWN for key in ("published", "grouped", "leak_free")}
    made = report(inputs(rows, files))
    shown = {section.title: [key for key, _ in section.figures] for section in made.appendix}
    assert shown["Confusion"] == ["leak_free/b", "leak_free/a", "grouped/a", "published/a"]
    assert shown["The posts and their cleaning"] == ["leak_free", "grouped", "published"]
    assert [key for key, _ in made.main[0].figures] == ["Accuracy", "Confusion: leak_free/b"]


# ---------------------------------------------------------------- the summary
NAMES = ["lora", "linear_svc", "nearest_neighbour", "majority_class"]
ROWS = [row(name, "leak_free", accuracy) for name, accuracy in zip(NAMES, (0.7, 0.69, 0.5, 0.4), strict=True)]
CHOSEN = [ROWS[0] | {"selected": True}, *ROWS[1:]]


AUDITED = {"audit.json": AUDIT}


def difference(first, second, better):
    apart = {first: 0.1, second: -0.1}.get(better, 0.01)
    ends = {"difference": apart, "low": apart - 0.05, "high": apart + 0.05}
    return {"first": first, "second": second, "p_adjusted": 0.001 if better else 0.9, **ends}


def test_the_best_model_is_the_one_that_was_chosen_and_its_accuracy_has_an_interval():
    said = summary([ROWS[0], ROWS[1] | {"selected": True}])
    assert said[BEST].startswith("linear_svc: chosen on the dev split by accuracy, without using the test posts.")
    assert said[ACCURACY].startswith(
        "69.0 % of 828 test posts (66.0 % to 72.0 %, 95% interval). No training post shares"
    )
    assert finding(pd.DataFrame([ROWS[0], ROWS[1] | {"selected": True}])) == "Chosen under leak_free: linear_svc, 69.0%"
    none = summary(ROWS)[BEST]
    assert none.startswith("lora has the highest accuracy under leak_free. None was chosen")
    named = ROWS[0] | {"selected": True, "selected_by": "promotion.technique"}
    assert summary([named])[BEST] == "lora: named by promotion.technique."


@pytest.mark.parametrize("protocol", ["published", "grouped", "leak_free"])
def test_the_leak_is_not_left_unsaid_where_only_its_protocol_was_run(protocol):
    said = summary([row("a", protocol, 0.9)])
    assert ("also measures memory" in said[ACCURACY]) == (protocol == "published")
    assert ("--params=protocol=leak_free" in said[NEXT]) == (protocol == "published")


@pytest.mark.parametrize("better", ["", "lora", "linear_svc"])
def test_better_stands_beside_the_simple_baseline_only_where_a_test_says_so(better):
    said = summary(CHOSEN, {"leak_free": [difference("lora", "linear_svc", better)]})
    words = {"": "no difference is shown by a test", "lora": "better by a test", "linear_svc": "worse by a test"}
    assert "linear_svc, which has no encoder, is right for 69.0 %" in said[BASELINE]
    assert [one for one, text in words.items() if text in said[BASELINE]] == [better]
    assert ("Consider linear_svc" in said[NEXT]) == (better != "lora")
    assert "most frequent label is right for 40.0 %." in said[BASELINE]
    asked = [difference("linear_svc", "majority_class", better if better == "linear_svc" else "")]
    said = summary([*ROWS[:1], ROWS[1] | {"selected": True}, *ROWS[2:]], {"leak_free": asked})
    undecided = "right for 40.0 %: no difference is shown by a test."
    assert (undecided in said[BASELINE]) == (better != "linear_svc")


def test_a_simpler_model_is_advised_only_if_the_test_posts_rule_out_that_it_is_much_worse():
    few = difference("lora", "linear_svc", "") | {"difference": 0.375, "low": -0.125, "high": 0.875}
    assert "Consider" not in summary(CHOSEN, {"leak_free": [few]})[NEXT]


@pytest.mark.parametrize(
    ("always", "macro_f1", "said"),
    [(0.98, 0.4949, "classes are unequal"), (0.5, 1 / 3, "may not have learnt to tell"), (0.97, 0.4924, None)],
)
def test_a_model_that_is_right_no_more_often_than_one_answer_for_all_is_said_to_be(always, macro_f1, said):
    best = row("lora", "leak_free", max(always, 0.5) if said else 0.98, selected=True)
    one_answer = row("majority_class", "leak_free", always, macro_f1=macro_f1)
    found = summary_of(inputs([best, one_answer]))[NEXT]
    assert ("right no more often" in found) == (said is not None)
    assert said is None or said in found


def test_a_label_that_is_never_found_is_said_and_each_has_its_precision_and_recall():
    of_class = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "posts": 12}
    per_class = {"0": dict.fromkeys(of_class, 1.0) | {"posts": 587}, "1": of_class}
    key = "leak_free/lora"
    files = {f"{key}/metrics.json": METRICS | {"per_class": per_class}, f"{key}/mistakes.csv": pd.DataFrame()}
    files[f"{key}/accuracy_by_group.csv"] = pd.DataFrame({"group": ["a"], "posts": [1], "effective_posts": [1.0]})
    given = inputs(CHOSEN, files)
    assert "None of the posts labelled 1 (12) is found." in summary_of(given)[ACCURACY]
    assert "Label more posts of the labels that it never finds, or choose by macro F1" in summary_of(given)[NEXT]
    chosen_by = [CHOSEN[0] | {"selected_by": "macro_f1"}, *CHOSEN[1:]]
    assert "labels that it never finds." in summary_of(inputs(chosen_by, files))[NEXT]
    assert "| 1 | 0.0000 | 0.0000 | 0.0000 | 12 |" in as_markdown(report(given))


@pytest.mark.parametrize(
    ("listed", "said"),
    [(2, "100 % of its test posts have an issue, and 1 of its 1 errors is on them."), (1, "50 % of its")],
)
def test_errors_on_posts_with_an_issue_are_counted_and_the_rest_only_where_there_is_one(listed, said):
    answers = pd.DataFrame({"row": [1, 2], "label": ["a", "b"], "predicted": ["b", "b"]})
    issues = pd.DataFrame({"part": "training", "row": [1, 2], "id": "", "entity": "", "label": "a"})[:listed]
    files = {"leak_free/lora/predictions.parquet": answers, "label_issues.csv": issues}
    files |= {"label_issues.json": {"training": {"posts": 2, "share": listed / 2, "agreement": 0.5}}}
    files |= {
        "leak_free/row_counts.json": {
            "files": {},
            "texts": "raw",
            **dict.fromkeys(("training_posts", "dev_posts", "test_posts"), 1),
            "split": {"resembling": {"posts": 0, "rule": ""}},
        }
    }
    found = text(CHOSEN, files)
    assert said in found
    assert "nan" not in found


def test_a_model_that_was_always_right_and_one_that_is_as_good_are_no_more_than_that():
    right = row("lora", "leak_free", 1.0, n_validation=60, accuracy_low=1.0, accuracy_high=1.0, selected=True)
    equal = difference("lora", "linear_svc", "") | {"difference": 0.0}
    said = summary([right, ROWS[1]], {"leak_free": [equal]})
    assert "5.0 % of other posts may still be wrong" in said[ACCURACY]  # the rule of three
    assert "where it is wrong" not in said[NEXT]
    assert "lora is right just as often: no difference is shown" in said[BASELINE]


def test_that_test_posts_were_drawn_from_the_file_is_said_of_its_leak():
    drawn = inputs(LEAKING, {"audit.json": AUDIT | {"validation_drawn": True}})
    assert summary_of(drawn)[LEAK].startswith("Yes, if test posts are drawn without regard to copies. 100 %")
    assert "The figures above are without this leak (leak_free)." in summary_of(drawn)[LEAK]
    alone = inputs(LEAKING[:1], {"audit.json": AUDIT | {"validation_drawn": True}})
    assert "without this leak" not in summary_of(alone)[LEAK]
    assert "Under another protocol the run has other test posts." in as_markdown(report(drawn))


def test_a_report_without_figures_has_no_section_that_is_about_them():
    files = {"leak_free/nearest_neighbour/curves.json": DRAWN}
    made = report(inputs(LEAKING, files))
    assert "Curves" in as_html(made)
    assert "Curves" not in as_markdown(made)


def test_test_posts_that_resemble_training_are_said_beside_the_leak():
    alike = row("lora", "leak_free", 0.9, resembling_posts=1)
    assert "Of the 828 test posts 1 still resembles a training post" in summary_of(inputs([alike], AUDITED))[LEAK]
    assert "resemble" not in summary_of(inputs([alike | {"resembling_posts": 0}], AUDITED))[LEAK]


def test_what_was_not_tested_or_not_run_beside_it_is_said():
    for untested in (summary(CHOSEN), summary(CHOSEN, {"published": [difference("lora", "linear_svc", "lora")]})):
        assert "not tested against each other" in untested[BASELINE]
        assert "better" not in untested[BASELINE]
    assert summary([row("lora", "leak_free", 0.6)])[BASELINE] == "None was run: kedro run --pipelines=classical"
    assert "linear_svc is itself a simple model" in summary([ROWS[1] | {"selected": True}, ROWS[2]])[BASELINE]


def test_only_a_figure_that_falls_beyond_its_intervals_is_called_memory():
    leak = summary(LEAKING)[LEAK]
    assert "nearest_neighbour scores 98.0 % with the copies of the test posts in training and 54.0 % without" in leak
    assert "the difference is memory" in leak
    same = [row("linear_svc", "published", 0.70), row("linear_svc", "leak_free", 0.65)]
    for rows in (same, LEAKING[:1], LEAKING[1:]):
        assert "memory, not" not in summary(rows)[LEAK]
        assert "falls" not in finding(pd.DataFrame(rows))


def test_whether_the_files_leak_is_said_and_that_it_is_not_known():
    said = summary_of(inputs(LEAKING, {"audit.json": AUDIT}))
    assert said[LEAK].startswith("Yes. 100 % of the test posts (8 of 8) are word for word in training.")
    few = AUDIT | {"overlap_limit": 1.0}
    assert summary_of(inputs(LEAKING, {"audit.json": few}))[LEAK].startswith("Hardly. 100 %")
    assert summary(LEAKING)[LEAK].startswith("Not known")
    assert "Run the leakage audit" in summary(LEAKING)[NEXT]


def test_few_test_posts_are_said_to_leave_a_wide_interval():
    wide = CHOSEN[0] | {"accuracy_low": 0.5, "accuracy_high": 0.9}
    assert "Label more test posts: with 828 the interval is wide." in summary([wide])[NEXT]
    assert "Label more" not in summary(CHOSEN)[NEXT]


def test_figures_of_invented_posts_are_said_to_be_of_such():
    assert file_hash(PROJECT / "data/01_raw/sample_training.csv").startswith(SAMPLE)
    for sha256, run, invented in ((SAMPLE, "mine", True), (PAPER, "kaggle", False), ("c0ffee", "sample", False)):
        counts = COUNTS | {"files": {"training": OWN | {"sha256": sha256}}}
        note = report(inputs(LEAKING, {"leak_free/row_counts.json": counts}, run=run)).note
        assert note.startswith("The posts of this run are invented") == invented


# ---------------------------------------------------------------- sections
def test_significant_differences_are_counted_and_others_are_not():
    table = pd.DataFrame({"first": ["a", "a"], "second": ["b", "c"], "better": ["a", float("nan")]})
    table = table.assign(difference=0.1, low=0.0, high=0.2, p_adjusted=0.5)
    assert "leak_free: 1 of 2 differences are significant" in text(LEAKING, {"leak_free/differences.csv": table})


def test_the_tables_of_sweeps_are_shown_by_protocol():
    table = pd.DataFrame({"variant": ["plain", "entity"], "accuracy": [0.61, 0.62], "n_train": [1000, 1001]})
    files = ("leak_free/training_ablation/trainings.csv", "published/unfreezing_sweep/blocks.csv")
    assert "One setting at a time" not in text(LEAKING)
    shown = text(LEAKING, dict.fromkeys(files, table)).split("## One setting at a time")[1].split("\n## ")[0]
    assert shown.index("Ways of training (leak_free)") < shown.index("Unfrozen blocks (published)")
    assert "| entity | 0.6200 | 1,001 |" in shown


SIZES = pd.DataFrame(
    [row("lora", "leak_free", 0.5 + n / 100, n_train=1000 * n) for n in (1, 4, 16)]
    + [row("lora", "leak_free", 0.7, n_train=50_000, measured=False)]
).assign(error_floor=0.2, error_excess=0.1, exponent=0.3)


def test_an_expectation_is_said_not_to_be_measured_and_what_was_measured_stands_beside_it():
    files = {"leak_free/learning_curve/sizes.csv": SIZES}
    expected = "lora (leak_free): 0.7000 (0.670–0.730) is expected from all 50,000 posts; not measured."
    assert f"{expected}\n" in text(LEAKING, files)
    own = [row("lora", "leak_free", 0.72, n_train=50_000), row("lora", "published", 0.9)]
    words = text(own, files).split("## What more posts give")[1]
    assert f"{expected} Its own run was trained on 50,000 posts and has an accuracy of 0.7200 (0.690–0.750)." in words
    assert "0.9000" not in words


def test_the_comparison_holds_what_is_expected_marked(parameters):
    own = pd.DataFrame([row("lora", "leak_free", 0.6)])[COLUMNS]
    curves = {f"{protocol}/learning_curve/sizes.csv": lambda: SIZES for protocol in ("leak_free", "grouped")}
    assert list(compare(own, curves, parameters.study)["measured"]) == [True, False]


# ---------------------------------------------------------------- other people's data
OWN = {"file": "mine.csv", "rows": 90, "sha256": "c0ffee" * 10, "ids": "none", "entities": False}
COUNTS = {"texts": "raw", "training_posts": 9, "dev_posts": 1, "test_posts": 8, "files": {"training": OWN}}
NOT_OF_OWN = re.compile(
    r"paper|tweet(?!_sentiment|-sentiment)|entit|twitter|claim|copies of|with the leak", re.IGNORECASE
)


@pytest.mark.parametrize("protocols", [["leak_free"], ["grouped"], ["grouped_1_of_2", "grouped_2_of_2"]])
def test_a_report_on_data_of_one_s_own_has_no_word_of_the_paper_s(protocols):
    audit = AUDIT | {"ids_known": False, "overlap": AUDIT["overlap"] | {"any_count": 0, "any_share": 0.0}}
    rows = [row(name, protocol, 0.6) for name in ("lora", "linear_svc") for protocol in protocols]
    errs = pd.DataFrame({"row": [1], "id": [""], "entity": [""], "post": ["so"]})
    files = {f"{protocol}/row_counts.json": COUNTS for protocol in protocols} | {"audit.json": audit}
    files |= {f"{protocols[0]}/lora/{name}.csv": errs for name in ("mistakes", "accuracy_by_group")}
    files[f"{protocols[0]}/lora/accuracy_by_group.csv"] = errs[["row", "post"]].assign(posts=1, effective_posts=1.0)
    made = report(inputs(rows, files | {f"{protocols[0]}/lora/metrics.json": METRICS}, run="mine"))
    said = [
        as_markdown(made),
        *(str(figure.layout) for section in (*made.main, *made.appendix) for _, figure in section.figures),
    ]
    assert not [found[0] for one in said for found in NOT_OF_OWN.finditer(one)]
    assert "Where lora errs" in said[0]


def test_the_same_on_the_paper_s_data_has_them():
    counts = COUNTS | {"files": {"training": OWN | {"sha256": PAPER, "ids": "trusted", "entities": True}}}
    rows = [row("lora", protocol, 0.6, paper_accuracy=0.9) for protocol in ("published", "leak_free")]
    files = {f"{protocol}/row_counts.json": counts for protocol in ("published", "leak_free")}
    said = text(rows, files | {"audit.json": AUDIT}, run="kaggle")
    for told in ("paper (its protocol leaks)", "a tweet id, a text", "tweet ids", "Training holds copies"):
        assert told in said


@pytest.mark.parametrize(
    ("off", "shares"),
    [
        ([], "an id, a text or a near-duplicate text"),
        (["near_duplicate"], "an id or a text"),
        (["tweet_id", "normalised_text"], "a near-duplicate text"),
    ],
)
def test_only_rules_that_were_applied_are_said_to_hold(off, shares):
    every = ("tweet_id", "normalised_text", "near_duplicate")
    for rules, said in (
        (off, [f"No training post shares {shares} with them.", f"training posts that share {shares} with a test"]),
        (every, ["No rule of data.leak_free was applied: this may also", "leak_free: no rule of data.leak_"]),
    ):
        files = {"training": OWN | {"ids": "trusted"}}
        counts = COUNTS | {"files": files, "parameters": {"data": {"leak_free": dict.fromkeys(rules, False)}}}
        found = text([row("lora", "leak_free", 0.6)], {"leak_free/row_counts.json": counts}, run="mine")
        assert all(one in found for one in said)


def test_posts_that_cleaning_empties_are_said_under_each_protocol():
    emptied = {"cleaned": {"training": {"empty_after_cleaning": 1200}, "validation": {"empty_after_cleaning": 3}}}
    files = {"leak_free/row_counts.json": COUNTS | emptied, "grouped/row_counts.json": COUNTS}
    said = text([row("lora", protocol, 0.6) for protocol in ("leak_free", "grouped")], files)
    assert "Under leak_free cleaning empties 1,200 training and 3 test posts" in said
    assert "Under grouped cleaning" not in said
