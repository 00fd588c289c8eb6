"""The study as a user runs it: the command line, the sample, a tiny encoder."""

import json
import re
import shutil
import warnings
from pathlib import Path

import pandas as pd
import pytest
from datasets import load_from_disk
from kedro import KedroDeprecationWarning

from tests.projects import (
    SMALLER,
    assert_predicts_what_is_stored,
    assert_transformers_answers_alike,
    copy_project,
    kedro_here,
    message,
    run,
    run_code_of_card,
)

TRAINED = ["baseline", "layer_unfreezing", "hyperparameter_search", "prompt_tuning"]
CLASSICAL = ["majority_class", "nearest_neighbour", "logistic_regression", "linear_svc"]
STUDY = TRAINED + CLASSICAL
REPORTING, MODELS = "data/08_reporting/test", "data/06_models/test"


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory) -> Path:
    """A copy of the finished study; each test leaves what others read as it was."""
    return Path(shutil.copytree(finished, tmp_path_factory.mktemp("study") / "project"))


def read(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_whole_study_ends_with_the_comparison_and_says_where_the_report_lies(project):
    said = (project / "stdout.txt").read_text()
    assert all(technique in said for technique in STUDY)
    assert f"Report: {REPORTING}/report.html" in said
    comparison = pd.read_csv(project / REPORTING / "comparison.csv").set_index("technique")
    assert list(comparison.index) == STUDY
    assert (comparison["protocol"] == "leak_free").all()
    assert (comparison["accuracy_low"] <= comparison["accuracy"]).all()
    assert (comparison["accuracy"] <= comparison["accuracy_high"]).all()
    untrained = comparison.index[comparison["trainable_parameters"] == 0]
    assert set(untrained) == {"baseline", "majority_class", "nearest_neighbour"}
    several = [name for name in STUDY if comparison["seeds"][name] == len(SMALLER["seeds"])]
    assert several == ["layer_unfreezing", "hyperparameter_search"]


def test_the_report_is_one_page_that_says_the_leak_of_the_files_first(project):
    report = (project / REPORTING / "report.md").read_text()
    leak = report.split("## Leakage audit")[1].strip().splitlines()[0]
    assert leak.startswith("LEAK: ")
    assert leak in (project / "stderr.txt").read_text()
    assert (project / REPORTING / "report.html").read_text().count('class="drawing"') > len(STUDY)


def shown(page):
    """The texts of a page, without its style, its script and the data of its figures."""
    return re.sub(r"<[^>]+>", " ", re.sub(r"<(style|script).*?</\1>", " ", page, flags=re.DOTALL))


def test_what_everyone_reads_of_the_report_has_at_most_1500_words(project):
    page, text = ((project / REPORTING / f"report.{kind}").read_text() for kind in ("html", "md"))
    for said in (shown(page[page.index("<main") : page.index('<section id="appendix"')]), text.split("## Appendix")[0]):
        assert 300 < len(said.split()) <= 1500


def test_nothing_was_chosen_on_the_posts_that_are_reported(project):
    tokens = load_from_disk(str(project / "data/05_model_input/test/leak_free/training_tokens"))
    marked = sum(tokens["dev"])
    assert 0 < marked < len(tokens)
    prompts = read(project / MODELS / "leak_free/training_prompt_tuning.json")
    assert prompts["chosen_on"] == "dev split"
    assert prompts["n_train"] <= len(tokens) - marked


def test_every_row_is_accounted_for(project):
    account = read(project / REPORTING / "leak_free/row_counts.json")
    filtered, split = account["filtered"]["training"], account["split"]
    assert filtered["rows_in"] == filtered["kept"] + sum(n for k, n in filtered.items() if k.startswith("dropped"))
    taken = split["held_out"] + sum(n for k, n in split.items() if k.startswith("removed")) + split["beyond_row_limit"]
    assert split["rows_in"] == filtered["kept"] == split["kept"] + taken
    assert account["files"]["training"]["rows"] == filtered["rows_in"]
    assert (split["overlap"]["id_count"], split["overlap"]["normalised_text_count"]) == (0, 0)


def test_the_search_s_best_values_train_the_prompts_if_they_are_asked_for(project, parameters):
    models = project / MODELS / "leak_free"
    best = read(models / "hyperparameters_hyperparameter_search.json")
    used = read(models / "training_prompt_tuning.json")["hyperparameters"]
    own = parameters.prompt_tuning.hyperparameters.model_dump() | {"num_train_epochs": 1}
    assert used == {"hyperparameters": own, "source": "parameters"}
    choosing = ("--pipelines=prompt_tuning", "--nodes=prompt_tuning.choose_hyperparameters")
    run(project, *choosing, "--params=prompt_tuning.use_search_result=true")
    chosen = read(models / "hyperparameters_prompt_tuning.json")
    assert chosen == {"hyperparameters": best["hyperparameters"], "source": "hyperparameter_search"}
    run(project, *choosing)
    assert read(models / "hyperparameters_prompt_tuning.json") == used


@pytest.mark.parametrize("technique", STUDY)
def test_metrics_are_of_predictions_and_predictions_of_the_model_that_is_left(project, technique):
    metrics = read(project / REPORTING / f"leak_free/{technique}/metrics.json")
    predictions = pd.read_parquet(project / f"data/07_model_output/test/leak_free/{technique}/predictions.parquet")
    assert metrics["accuracy"] == pytest.approx((predictions["label"] == predictions["predicted"]).mean())
    assert metrics["data"]["training"]["sha256"]
    assert metrics["versions"]["torch"]
    assert_predicts_what_is_stored(project, technique)


@pytest.mark.parametrize("technique", TRAINED)
def test_models_load_in_transformers_own_way(project, technique):
    assert_transformers_answers_alike(project, technique)


def test_the_best_model_is_promoted_and_gives_the_predictions_that_its_training_stored(project):
    best = project / MODELS / "best"
    manifest = read(best / "manifest.json")
    technique, candidates = manifest["technique"], manifest["promotion"]["candidates"]
    assert set(candidates) == set(STUDY) - {"baseline", "majority_class"}
    assert candidates[technique] == max(candidates.values())
    comparison = pd.read_csv(project / REPORTING / "comparison.csv")
    assert list(comparison["technique"][comparison["selected"]]) == [technique]
    assert f"**The best model** {technique}: " in (project / REPORTING / "report.md").read_text()
    assert f"Best model of the run: {technique}, in" in (project / "stdout.txt").read_text()
    assert technique in (best / "README.md").read_text()
    run_code_of_card(best)
    run(project, "--pipelines=inference")
    rows = pd.read_parquet(project / "data/07_model_output/test/inference/predictions.parquet")
    stored = pd.read_parquet(project / f"data/07_model_output/test/leak_free/{technique}/predictions.parquet")
    both = stored.merge(rows.assign(row=range(1, len(rows) + 1)), on="row", suffixes=("", "_2"))
    assert len(both) == len(stored)
    assert list(both["label_2"]) == list(both["predicted"])
    for label in manifest["labels"]:
        assert (both[f"probability_{label}"] - both[f"probability_{label}_2"]).abs().max() < 1e-5


def test_any_single_node_runs_again_and_gives_the_same(project):
    metrics = project / REPORTING / "leak_free/prompt_tuning/metrics.json"
    weights = project / MODELS / "leak_free/layer_unfreezing/model.safetensors"
    before = read(metrics), weights.read_bytes()
    for node in ("prompt_tuning.predict", "prompt_tuning.evaluate", "layer_unfreezing.train"):
        run(project, f"--nodes={node}")
    assert (read(metrics), weights.read_bytes()) == before


@pytest.mark.slow
def test_a_pipeline_alone_works_from_a_fresh_clone_and_reporting_names_what_is_missing(tmp_path, encoder):
    project = copy_project(tmp_path / "fresh", encoder)
    for option in ("--pipelines=reporting", "--pipeline=reporting"):  # the second is the one that papers and posts name
        with warnings.catch_warnings(action="error", category=KedroDeprecationWarning):
            assert "No technique has been run" in message(kedro_here(project, "run", "--env=test", option))
    short = "prompt_tuning.row_limit=8,prompt_tuning.hard_prompts=[It is]"
    run(project, "--pipelines=prompt_tuning", f"--params=protocol=published,data.cleaning=published,{short}")
    searched = "--params=prompt_tuning.use_search_result=true"
    asked = kedro_here(project, "run", "--env=test", "--nodes=prompt_tuning.choose_hyperparameters", searched)
    assert "kedro run --pipelines=hyperparameter_search" in message(asked)
    run(project, "--pipelines=reporting", "--params=protocol=published")
    report = (project / REPORTING / "report.md").read_text()
    rows = [line for line in report.splitlines() if "prompt_tuning | published" in line]
    assert any("test posts" in row for row in rows), rows
    assert "Not run under published: baseline" in report
    assert not (project / MODELS / "published/baseline").exists()


@pytest.mark.slow
def test_a_csv_of_one_s_own_with_other_columns_and_labels_and_no_validation_file(tmp_path, encoder):
    project = copy_project(tmp_path / "mine", encoder)
    sample = pd.read_csv(project / "data/01_raw/sample_training.csv", header=None, keep_default_na=False, dtype=str)
    mine = pd.DataFrame({"text": sample[3], "stars": sample[2].map({"Positive": "good"}).fillna("bad")})
    mine.to_csv(project / "data/01_raw/mine.csv", index=False, sep=";")
    (project / "conf/local/globals.yml").write_text("training_file: data/01_raw/mine.csv\nrun: mine\n")
    (project / "conf/local/parameters.yml").write_text(
        "labels: [bad, good]\n"
        "data:\n  validation_file: null\n  header: true\n  delimiter: ';'\n"
        "  columns: {id: null, entity: null, label: stars, post: text}\n  drop_labels: []\n"
        "training:\n  class_weights: balanced\n"
    )
    tiny = "--params=model.checkpoint=data/01_raw/tiny_encoder,device=cpu,uncertainty.resamples=100"
    done = kedro_here(project, "run", "--pipelines=layer_unfreezing", tiny)
    assert done.returncode == 0, done.stderr
    metrics = read(project / "data/08_reporting/mine/leak_free/layer_unfreezing/metrics.json")
    assert set(metrics["per_class"]) == {"bad", "good"}
    account = read(project / "data/08_reporting/mine/leak_free/row_counts.json")
    share = account["split"]["held_out"] / account["split"]["rows_in"]
    assert share == pytest.approx(0.2, abs=0.03)
    assert account["split"]["overlap"]["normalised_text_count"] == 0
    done = kedro_here(project, "run", "--pipelines=reporting", tiny)
    assert done.returncode == 0, done.stderr
    page = (project / "data/08_reporting/mine/report.html").read_text()
    card = (project / "data/06_models/mine/best/README.md").read_text().replace("tweet_sentiment", "")
    others = r"(?i)\bpaper|twitter|tweets?\b|kaggle|entit|claim|\b828\b|0\.9191|0\.7295"
    assert not [found[0] for said in (shown(page), card) for found in re.finditer(others, said)]
    assert "layer_unfreezing" in shown(page)
