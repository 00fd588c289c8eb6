"""The page of results: made from a run's tables, and saying what they hold."""

import json

import pandas as pd
import pytest
from docs._make.results import copy_tables, restore_tables, results_page
from sklearn.metrics import accuracy_score, f1_score, log_loss
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from tests.conftest import PROJECT
from tests.reports.made import AUDIT, row

from tweet_sentiment.datasets import Csv

ROWS = [
    row("lora", "grouped", 0.7, originals_posts=20, originals_accuracy=0.75, originals_low=0.6, originals_high=0.9),
    row(
        "lora",
        "leak_free",
        0.6,
        originals_posts=828,
        resembling_posts=3,
        not_resembling_posts=825,
        not_resembling_accuracy=0.5,
    ),
    row("baseline", "leak_free", 0.3, texts=None, resembling_posts=3, not_resembling_posts=825),
]
PAIR = {"first": "lora", "second": "baseline", "difference": 0.3, "low": 0.2, "high": 0.4, "test": "McNemar exact"}


def saved(folder, name, rows):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Csv(filepath=str(path)).save(pd.DataFrame(rows))


def test_the_tables_of_a_run_are_copied_and_the_page_says_what_they_hold(tmp_path):
    run, results = tmp_path / "data/08_reporting/mine", tmp_path / "docs/results"
    saved(run, "comparison.csv", [one | {"encoder": "e", "device": "cpu", "seed": 42} for one in ROWS])
    claim = {"claim": "c", "protocol": "leak_free", "measure": "accuracy", "verdict": "not run"}
    saved(run, "claims.csv", [claim])
    saved(run, "leak_free/differences.csv", [PAIR | {"p_value": 1e-9, "p_adjusted": 1e-9, "better": "lora"}])
    saved(tmp_path / "data/07_model_output/mine", "leak_free/prompt_tuning/prompts.csv", [{"hard_prompt": "None"}])
    (run / "audit.json").write_text(json.dumps(AUDIT), encoding="utf-8")
    copied = copy_tables(tmp_path / "data", "mine", results)
    assert copied == [
        "audit.json",
        "claims.csv",
        "comparison.csv",
        "differences_leak_free.csv",
        "prompts_leak_free.csv",
    ]
    page = results_page(results)
    assert "not repeated: baseline (leak_free)." in page
    assert "| lora | grouped | 20 | 0.7500 (0.600–0.900) |" in page
    assert "| lora | leak_free | 3 | – | 825 | 0.5000 (–) |" in page
    assert "| lora | baseline | +30.0 points (+20.0 to +40.0) | < 0.001 | lora |" in page
    assert "| None |" in page
    assert all(f"- [{name}](results/{name})" in page for name in copied)


def test_what_was_measured_comes_back_where_a_run_leaves_it_and_rows_that_were_not_run_again_stay(tmp_path):
    data, results, elsewhere = tmp_path / "data", tmp_path / "results", tmp_path / "elsewhere"
    of_run = {"encoder": "e", "measured": True}
    saved(data / "08_reporting/mine", "comparison.csv", [one | of_run for one in ROWS])
    saved(data / "08_reporting/mine", "leak_free/differences.csv", [PAIR])
    (data / "08_reporting/mine/leak_free/lora").mkdir()
    (data / "08_reporting/mine/leak_free/lora/metrics.json").write_text("{}", encoding="utf-8")
    saved(data / "08_reporting/another", "leak_free/differences.csv", [PAIR | {"difference": 1.0}])
    copy_tables(data, "mine", results)
    saved(data / "08_reporting/mine", "comparison.csv", [ROWS[0] | of_run | {"accuracy": 0.9}])
    copy_tables(data, "mine", results)
    rows = Csv(filepath=str(results / "comparison.csv")).load()
    assert dict(zip(rows["technique"] + rows["protocol"], rows["accuracy"], strict=True)) == {
        "loragrouped": 0.9,
        "loraleak_free": 0.6,
        "baselineleak_free": 0.3,
    }
    mine = elsewhere / "08_reporting/mine"
    saved(mine, "grouped/results.csv", [ROWS[0]])
    restore_tables(results, "mine", elsewhere)
    for name in ("leak_free/differences.csv", "leak_free/lora/metrics.json"):
        assert (mine / name).read_bytes() == (data / "08_reporting/mine" / name).read_bytes()
    assert list(Csv(filepath=str(mine / "leak_free/results.csv")).load()["technique"]) == ["lora", "baseline"]
    assert list(Csv(filepath=str(mine / "grouped/results.csv")).load()["accuracy"]) == [0.7], "what is there stays"


def test_what_another_run_measured_of_a_compared_technique_goes_along_and_comes_back_to_that_run(tmp_path):
    data, results, elsewhere = tmp_path / "data", tmp_path / "results", tmp_path / "elsewhere"
    theirs = [row("lora (mpnet)", "leak_free", 0.8) | {"encoder": "m", "measured": True}]
    saved(data / "08_reporting/mine", "comparison.csv", [*ROWS, *theirs])
    for run, technique in (("mine", "lora"), ("mpnet", "lora"), ("mpnet", "baseline"), ("third", "lora")):
        path = data / f"08_reporting/{run}/leak_free/{technique}/metrics.json"
        path.parent.mkdir(parents=True)
        path.write_text(run, encoding="utf-8")
    copied = copy_tables(data, "mine", results)
    names = ["measured/leak_free/lora (mpnet)/metrics.json", "measured/leak_free/lora/metrics.json"]
    assert copied == ["comparison.csv", *names]
    restore_tables(results, "mine", elsewhere)
    for run in ("mine", "mpnet"):
        assert (elsewhere / f"08_reporting/{run}/leak_free/lora/metrics.json").read_text(encoding="utf-8") == run
    assert not (elsewhere / "08_reporting/third").exists()


RESULTS = PROJECT / "docs/results"
IN_README = {  # its rows by technique
    "baseline": "baseline, untrained",
    "layer_unfreezing": "layer unfreezing",
    "hyperparameter_search": "hyperparameter search",
    "prompt_tuning": "prompt tuning (10,000 posts, 2 epochs)",
    "nearest_neighbour": "look-up of the most similar post",
    "logistic_regression": "TF-IDF and logistic regression",
    "lora": "LoRA, one epoch",
    "full_fine_tuning": "full fine-tuning, one epoch",
    "ensemble": "ensemble of the last three",
    "full_fine_tuning (mpnet)": "full fine-tuning of a larger encoder, one epoch",
    "lora (mpnet)": "LoRA of the larger encoder, one epoch",
}


def published_figures() -> pd.DataFrame:
    table = Csv(filepath=str(RESULTS / "comparison.csv")).load()
    return table[table["measured"].eq(True)].set_index(["technique", "protocol"])


def test_the_published_scores_are_those_of_the_published_predictions():
    figures, found = published_figures(), 0
    for path in RESULTS.glob("measured/*/*/predictions.parquet"):
        posts, row = pd.read_parquet(path), figures.loc[(path.parent.name, path.parents[1].name)]
        labels = sorted(set(posts["label"]))
        shares = posts[[f"probability_{label}" for label in labels]].to_numpy()
        assert accuracy_score(posts["label"], posts["predicted"]) == pytest.approx(row["accuracy"])
        assert f1_score(posts["label"], posts["predicted"], average="macro") == pytest.approx(row["macro_f1"])
        assert log_loss(posts["label"], shares, labels=labels) == pytest.approx(row["eval_loss"])
        assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]
        found += 1
    assert found > 10


def test_the_published_p_values_are_mcnemar_s_exact_ones_of_the_published_predictions():
    differences = Csv(filepath=str(RESULTS / "differences_leak_free.csv")).load()
    right = {}
    for path in RESULTS.glob("measured/leak_free/*/predictions.parquet"):
        posts = pd.read_parquet(path).set_index("row").sort_index()
        right[path.parent.name] = posts["label"] == posts["predicted"]
    for pair in differences.to_dict("records"):
        first, second = right[pair["first"]], right[pair["second"]]
        assert (first & ~second).sum() - (second & ~first).sum() == pytest.approx(pair["difference"] * len(first))
        table = pd.crosstab(first, second).reindex([True, False]).T.reindex([True, False]).fillna(0)
        assert mcnemar(table, exact=True).pvalue == pytest.approx(pair["p_value"], rel=1e-6)
    assert multipletests(differences["p_value"], method="holm")[1] == pytest.approx(differences["p_adjusted"])


def test_the_readme_has_the_published_figures_and_none_of_an_earlier_revision():
    figures = published_figures()
    rows = [line.split("|") for line in (PROJECT / "README.md").read_text(encoding="utf-8").splitlines()]
    shown = {row[1].strip(): [cell.strip(" *") for cell in row[4:6]] for row in rows if len(row) == 7}
    for technique, name in IN_README.items():
        for protocol, cell in zip(("published", "leak_free"), shown[name], strict=True):
            known = (technique, protocol) in figures.index
            assert cell == (f"{figures.loc[(technique, protocol), 'accuracy']:.4f}" if known else "–"), (name, protocol)
            assert not known or pd.notna(figures.loc[(technique, protocol), "texts"])
