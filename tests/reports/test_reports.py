import re

import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweet_sentiment.reports.render import as_html, as_markdown
from tweet_sentiment.reports.sections import Material, Section, sections
from tweet_sentiment.reports.tables import Table, folds, interval, markdown, plain_rows, side_by_side


def row(technique, protocol, accuracy, **more):
    scores = dict.fromkeys(("eval_loss", "f1", "precision", "recall", "macro_f1", "expected_calibration_error"), 0.5)
    return {
        "technique": technique,
        "protocol": protocol,
        "accuracy": accuracy,
        "accuracy_low": accuracy - 0.03,
        "accuracy_high": accuracy + 0.03,
        "paper_accuracy": float("nan"),
        "n_train": 10,
        "n_validation": 828,
        "trainable_parameters": 7,
        "seconds": 2.0,
        "chosen_on": None,
        "seeds": 1,
        "accuracy_mean": accuracy,
        "accuracy_sd": float("nan"),
        **scores,
        **more,
    }


def material(rows, **more):
    nothing = {
        name: {} for name in Material.__dataclass_fields__ if name not in ("run", "comparison", "audit_examples")
    }
    return Material(
        **{"run": "r", "comparison": pd.DataFrame(rows), "audit_examples": pd.DataFrame(), **nothing, **more}
    )


LEAKING = [row("nearest_neighbour", "published", 0.98), row("nearest_neighbour", "leak_free", 0.54)]


def test_a_figure_that_falls_without_the_leak_is_called_memory():
    text = as_markdown("t", sections(material(LEAKING)))
    assert "nearest_neighbour scores 0.9800 under the published protocol and 0.5400" in text
    assert "memory" in text.split("## Comparison")[0]


def test_a_figure_that_stays_is_not_called_memory():
    same = [row("linear_svc", "published", 0.70), row("linear_svc", "leak_free", 0.69)]
    assert "memory" not in as_markdown("t", sections(material(same))).split("## Comparison")[0]


def test_both_protocols_stand_side_by_side_and_what_was_not_run_is_said():
    header, rows = side_by_side(pd.DataFrame([*LEAKING, row("linear_svc", "leak_free", 0.69, paper_accuracy=0.9)]))
    assert header[2:] == ["published", "leak_free"]
    assert rows[0] == ["nearest_neighbour", "–", "0.9800 (0.950–1.010)", "0.5400 (0.510–0.570)"]
    assert rows[1] == ["linear_svc", "0.9000", "not run", "0.6900 (0.660–0.720)"]


def test_folds_are_brought_together():
    rows = [row("linear_svc", f"grouped_{k}_of_3", accuracy) for k, accuracy in enumerate((0.6, 0.7, 0.8), start=1)]
    (crossed,) = folds(pd.DataFrame([*rows, *LEAKING])).to_dict("records")
    assert crossed == {"technique": "linear_svc", "folds": 3, "mean": pytest.approx(0.7), "sd": pytest.approx(0.1)}


def test_significant_differences_are_counted_and_others_are_not():
    table = pd.DataFrame({"first": ["a", "a"], "second": ["b", "c"], "better": ["a", float("nan")]})
    text = as_markdown("t", sections(material(LEAKING, differences={"leak_free": table})))
    assert "leak_free: 1 of 2 differences are significant" in text


def test_the_page_needs_no_network_and_shows_every_figure():
    figure = go.Figure(go.Bar(x=["a"], y=[1]))
    page = as_html("t", sections(material(LEAKING, curves={"leak_free/x": figure, "grouped_1_of_2/x": figure})))
    outside_the_library = re.sub(r"<script>/\*\*?\n\* plotly\.js.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r'(src|href)="(https?:)?//', outside_the_library)
    assert page.count('class="plotly-graph-div"') == 3  # accuracy, cost, and the curves that are of no fold


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXTS)
def test_a_post_is_text_in_the_page_never_markup(text):
    page = as_html("t", [Section("s", tables=[Table("c", ["post"], [[f"<script>{text}</script>"]])])])
    body = page[page.index("<h1>") :]
    assert "<script>" not in body


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2)))
def test_a_markdown_table_has_a_line_a_row_whatever_the_texts(rows):
    lines = markdown(["a", "b"], rows)
    assert len(lines) == 2 + len(rows)
    for line in lines:
        assert len(re.findall(r"(?<!\\)\|", line)) == 3 or "\\" in line
        assert "\n" not in line


def test_an_unknown_interval_is_a_dash():
    assert (interval(float("nan"), 1.0), interval(0.1234, 0.2)) == ("–", "0.123–0.200")


AUDIT = {
    "overlap": {"any_count": 8, "any_share": 1.0, "text_count": 8, "text_share": 1.0},
    "posts": {"training": 9, "validation": 8},
    "overlap_limit": 0.01,
    "near_duplicate_threshold": 85,
    "validation_drawn": False,
    "ids_known": True,
    "conflicting_labels": {
        "training_texts": 0,
        "validation_texts": 0,
        "validation_posts_labelled_otherwise_in_training": 0,
    },
    "class_balance": {"training": {}, "validation": {}},
    "memorisation": {
        "published": {"accuracy": 1.0, "training_posts": 9},
        "leak_free": {"accuracy": None, "training_posts": 0},
        "majority_label": "Positive",
        "majority_share": 0.5,
    },
}


def test_the_first_thing_the_report_says_is_that_the_files_leak():
    text = as_markdown("t", sections(material(LEAKING, audit=AUDIT)))
    assert text.splitlines()[4].startswith("LEAK: 100 % of the validation posts (8 of 8) stand word for word")


def test_counts_are_parted_and_shares_have_four_digits():
    _, rows = plain_rows(pd.DataFrame({"n_train": [55666], "accuracy": [0.66666], "better": [None], "id": [2401]}))
    assert rows == [["55,666", "0.6667", "–", "2401"]]
