import json
import re

import pandas as pd
import plotly.graph_objects as go
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import PROJECT
from tests.reports.made import AUDIT, LEAKING, material, row

from tweet_sentiment.reports.about import PAPER
from tweet_sentiment.reports.comparison import comparison_markdown
from tweet_sentiment.reports.origin import ENVIRONMENTS, LAST, RIVALS, WHOLE, commands
from tweet_sentiment.reports.render import as_html, as_markdown
from tweet_sentiment.reports.sections import Section, sections
from tweet_sentiment.reports.tables import Table, folds, interval, markdown, plain_rows, side_by_side


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
    assert page.count('class="drawing"') == 3  # accuracy, cost, and the curves that are of no fold
    assert page.count("plotly.js v") == 1


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXTS)
@settings(deadline=None)
def test_a_post_is_text_in_the_page_never_markup(text):
    page = as_html("t", [Section("s", tables=[Table("c", ["post"], [[f"<script>{text}</script>"]])])])
    body = page[page.index("<h1>") : page.index("</main>")]
    assert "<script>" not in body


def test_a_figure_s_texts_cannot_end_the_script_that_holds_it():
    figure = go.Figure(go.Bar(x=["</script><b>"], y=[1]))
    page = as_html("t", [Section("s", figures=[("c", figure)])])
    held = re.search(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert json.loads(held[1])["data"][0]["x"] == ["</script><b>"]


def test_figures_come_before_tables_and_how_to_reproduce_comes_last():
    titles = [section.title for section in sections(material(LEAKING, metrics=METRICS))]
    assert titles[0] == "In three sentences"
    assert titles.index("Accuracy with the leak and without it") < titles.index("Comparison")
    assert titles[-1] == "How to reproduce"


METRICS = {
    "leak_free/x": {"encoder": "e", "device": "cpu", "dtype": "fp32", "seed": 7, "versions": {"torch": "2.13.0"}}
}


def test_the_report_says_command_seed_versions_and_hashes():
    account = {"texts": "raw", "training_posts": 9, "dev_posts": 1, "test_posts": 8}
    account["files"] = {"training": {"rows": 10, "sha256": "c0ffee"}}
    made = sections(material(LEAKING, run="kaggle", metrics=METRICS, accounts={"leak_free": account}))
    text = as_markdown("t", made).split("## How to reproduce")[1]
    command = "kedro run --env=kaggle --pipelines=classical --params=protocol=leak_free"
    for told in ("seed 7", "torch", "2.13.0", "sha256 c0ffee", command):
        assert told in text


def test_results_of_several_versions_are_told_apart():
    older = METRICS["leak_free/x"] | {"versions": {"torch": "2.12.0", "peft": "0.21.2"}}
    metrics = METRICS | {"leak_free/y": older, "grouped/y": older}
    text = as_markdown("t", sections(material(LEAKING, metrics=metrics))).split("Versions")[1]
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")] == [
        ["results", "torch", "peft"],
        ["---"] * 3,
        ["leak_free/x", "2.13.0", "–"],
        ["leak_free/y, grouped/y", "2.12.0", "0.21.2"],
    ]


@pytest.mark.parametrize("run", ENVIRONMENTS)
def test_a_run_whose_environment_the_report_names_is_made_by_that_environment(run):
    assert yaml.safe_load((PROJECT / "conf" / run / "globals.yml").read_text())["run"] == run


def test_a_run_of_another_name_is_named_in_the_command():
    *runs, report = commands(material(LEAKING, run="mine"))
    assert runs[0] == "kedro run --pipelines=classical --params=run=mine,protocol=published"
    assert report == "kedro run --pipeline=reporting --params=run=mine"


def test_the_commands_run_what_stands_in_the_report_and_nothing_else():
    study = ["baseline", "layer_unfreezing", "hyperparameter_search", "prompt_tuning", *RIVALS]
    more = ["lora", "ensemble", "distillation", "technique_search"]
    rows = [row(name, "leak_free", 0.6) for name in [*study, *more]]
    rows += [row(name, "grouped_1_of_2", 0.6) for name in ("linear_svc", "majority_class", "lora")]
    table = pd.DataFrame({"n_train": [10], "measured": [True]})
    of = material(
        rows,
        run="sample",
        ablations={"grouped_1_of_2/preprocessing_ablation": table},
        learning_curves={"leak_free": table},
        blocks={"leak_free": table},
    )
    assert [command.removeprefix("kedro run ") for command in commands(of)[:-1]] == [
        "--params=protocol=leak_free",
        "--pipelines=lora,technique_search,learning_curve,unfreezing_sweep --params=protocol=leak_free",
        "--pipelines=distillation --params=protocol=leak_free",
        "--pipelines=ensemble --params=protocol=leak_free",
        "--pipelines=classical,lora,preprocessing_ablation --params=protocol=grouped_1_of_2",
    ]


def test_a_technique_that_was_trained_with_other_parameters_has_a_command_that_says_so():
    configured = {
        "seed": 42,
        "lora": {"r": 8, "row_limit": None, "hyperparameters": {"num_train_epochs": 3}},
        "labels": "auto",
    }
    trained = {
        "seed": 42,
        "lora": {"r": 8, "row_limit": 50, "hyperparameters": {"num_train_epochs": 1}},
        "labels": ["a"],
    }
    of = material(
        [row(name, "leak_free", 0.6) for name in ("baseline", "lora", "ensemble", "linear_svc")],
        run="kaggle",
        configured=configured,
        manifests={"leak_free/lora": {"parameters": trained}, "leak_free/baseline": {"parameters": {"seed": 42}}},
    )
    assert commands(of) == [
        "kedro run --env=kaggle --pipelines=baseline,classical --params=protocol=leak_free",
        "kedro run --env=kaggle --pipelines=lora "
        "--params=protocol=leak_free,lora.row_limit=50,lora.hyperparameters.num_train_epochs=1",
        "kedro run --env=kaggle --pipelines=ensemble --params=protocol=leak_free",
        "kedro run --env=kaggle --pipeline=reporting",
    ]


def test_the_pipelines_of_the_commands_are_those_of_the_project():
    from tweet_sentiment.pipeline_registry import register_pipelines

    registered = register_pipelines()
    beside = {"preprocessing_ablation", "learning_curve", "training_ablation", "unfreezing_sweep", "prompt_head_sweep"}
    assert {*WHOLE, *LAST, *beside} <= set(registered)
    whole = registered["__default__"].nodes
    assert {node.namespace for node in whole if node.namespace} == {*RIVALS, *WHOLE} - {"classical"}


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2)))
def test_a_markdown_table_has_a_line_a_row_whatever_the_texts(rows):
    lines = markdown(["a", "b"], rows)
    assert len(lines) == 2 + len(rows)
    for line in lines:
        assert len(re.findall(r"(?<!\\)\|", line)) == 3 or "\\" in line
        assert "\n" not in line


def test_an_unknown_interval_is_a_dash():
    assert (interval(float("nan"), 1.0), interval(0.1234, 0.2)) == ("–", "0.123–0.200")


def test_the_first_thing_the_report_says_is_that_the_files_leak():
    text = as_markdown("t", sections(material(LEAKING, audit=AUDIT)))
    assert text.splitlines()[4].startswith("LEAK: 100 % of the test posts (8 of 8) stand word for word")


def test_counts_are_parted_and_shares_have_four_digits():
    _, rows = plain_rows(pd.DataFrame({"n_train": [55666], "accuracy": [0.66666], "better": [None], "id": [2401]}))
    assert rows == [["55,666", "0.6667", "–", "2401"]]


def test_of_many_figures_those_without_the_leak_come_first_the_best_technique_s_before_all():
    rows = [row("a", "leak_free", 0.5), row("b", "leak_free", 0.6), row("a", "published", 0.9)]
    keys = ("published/a", "grouped/a", "leak_free/a", "leak_free/b")
    drawn = dict.fromkeys(keys, go.Figure(go.Bar(x=["a"], y=[1])))
    shown = {section.title: section.figures for section in sections(material(rows, confusions=drawn, lengths=drawn))}
    assert [key for key, _ in shown["Confusion"]] == ["leak_free/b", "leak_free/a", "grouped/a", "published/a"]
    assert [key for key, _ in shown["The posts"]] == ["leak_free/a", "leak_free/b", "grouped/a", "published/a"]


def test_the_tables_of_sweeps_and_ablations_are_shown_by_protocol():
    table = pd.DataFrame({"variant": ["plain", "entity"], "accuracy": [0.61, 0.62], "n_train": [1000, 1001]})
    assert "One setting at a time" not in as_markdown("t", sections(material(LEAKING)))
    text = as_markdown("t", sections(material(LEAKING, trainings={"leak_free": table}, blocks={"published": table})))
    shown = text.split("## One setting at a time")[1].split("\n## ")[0]
    assert shown.index("Ways of training (leak_free)") < shown.index("Unfrozen blocks (published)")
    assert "| entity | 0.6200 | 1,001 |" in shown


OWN = {"training": {"file": "mine.csv", "rows": 90, "sha256": "c0ffee" * 10, "ids": "none", "entities": False}}
OWN_ACCOUNT = {"texts": "raw", "training_posts": 9, "dev_posts": 1, "test_posts": 8, "files": OWN}
NOT_OF_OWN = re.compile(
    r"paper|tweet(?!_sentiment|-sentiment)|entit|twitter|claim|copies of|with the leak", re.IGNORECASE
)


@pytest.mark.parametrize("protocols", [["leak_free"], ["grouped"], ["grouped_1_of_2", "grouped_2_of_2"]])
def test_a_report_on_data_of_one_s_own_has_no_word_of_the_paper_s(protocols):
    audit = AUDIT | {"ids_known": False, "overlap": AUDIT["overlap"] | {"any_count": 0, "any_share": 0.0}}
    rows = [row(name, protocol, 0.6) for name in ("lora", "linear_svc") for protocol in protocols]
    errs = pd.DataFrame({"row": [1], "id": ["row-1"], "entity": [""], "post": ["so"]})
    key = f"{protocols[0]}/lora"
    made = sections(
        material(
            rows,
            run="mine",
            metrics=METRICS,
            audit=audit,
            accounts=dict.fromkeys(protocols, OWN_ACCOUNT),
            groups={key: errs[["row", "post"]]},
            mistakes={key: errs},
        )
    )
    said = [
        as_markdown("t", made),
        comparison_markdown(pd.DataFrame(rows).assign(encoder="e", texts="raw", seed=1, f1=0.5), ["lora"], audit, "r"),
        *(str(figure.layout) for section in made for _, figure in section.figures),
    ]
    assert not [found[0] for text in said for found in NOT_OF_OWN.finditer(text)]


def test_the_same_on_the_paper_s_data_has_them():
    files = {
        "training": {"file": "twitter_training.csv", "rows": 90, "sha256": PAPER, "ids": "trusted", "entities": True}
    }
    rows = [row("lora", protocol, 0.6, paper_accuracy=0.9) for protocol in ("published", "leak_free")]
    accounts = dict.fromkeys(("published", "leak_free"), OWN_ACCOUNT | {"files": files})
    text = as_markdown("t", sections(material(rows, run="kaggle", metrics=METRICS, audit=AUDIT, accounts=accounts)))
    for told in ("paper (its protocol leaks)", "a tweet id, a text", "tweet ids", "Training holds copies"):
        assert told in text


def test_the_commands_of_a_run_on_data_of_one_s_own_name_the_file():
    named = {"data.training_file": "in/mine.csv", "data.columns.label": "stars"}
    run, report = commands(material([row("lora", "leak_free", 0.6)], run="mine", named=named))
    said = "run=mine,data.training_file=in/mine.csv,data.columns.label=stars"
    assert run == f"kedro run --pipelines=lora --params={said},protocol=leak_free"
    assert report == f"kedro run --pipeline=reporting --params={said}"


def test_posts_that_cleaning_empties_are_said_under_each_protocol():
    emptied = {"cleaned": {"training": {"empty_after_cleaning": 1200}, "validation": {"empty_after_cleaning": 3}}}
    accounts = {"leak_free": OWN_ACCOUNT | emptied, "grouped": OWN_ACCOUNT}
    text = as_markdown("t", sections(material([row("lora", "leak_free", 0.6)], metrics=METRICS, accounts=accounts)))
    assert "Under leak_free cleaning leaves nothing of 1,200 training and 3 test posts" in text
    assert "Under grouped cleaning" not in text


def test_ids_that_are_not_trusted_are_said_beside_their_file():
    files = {"training": OWN["training"] | {"ids": "not trusted: 9 of 9 are rounded"}}
    accounts = {"leak_free": OWN_ACCOUNT | {"files": files}}
    text = as_markdown("t", sections(material([row("lora", "leak_free", 0.6)], metrics=METRICS, accounts=accounts)))
    assert "its ids are not trusted: 9 of 9 are rounded" in text.split("## How to reproduce")[1]


def test_no_p_value_is_written_as_nothing():
    _, rows = plain_rows(pd.DataFrame({"p_value": [1e-300, 0.04], "p_adjusted": [0.0004, float("nan")]}))
    assert rows == [["< 0.001", "< 0.001"], ["0.040", "–"]]
