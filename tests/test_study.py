"""The project as a user runs it: a copy of it, the command line, the sample, a tiny encoder."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from datasets import load_from_disk

from tests.conftest import PROJECT
from tweet_sentiment.predictor import Predictor

STUDY = ["baseline", "layer_unfreezing", "hyperparameter_search", "prompt_tuning"]
RIVALS = ["majority_class", "nearest_neighbour", "logistic_regression", "linear_svc"]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "KEDRO_DISABLE_TELEMETRY": "1"}


def kedro(project: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(Path(sys.executable).with_name("kedro")), *arguments],
        cwd=project,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def run(project: Path, *arguments: str) -> str:
    done = kedro(project, "run", "--env=test", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def copy_project(folder: Path, encoder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(PROJECT / "conf", folder / "conf")
    shutil.copy(PROJECT / "pyproject.toml", folder)
    shutil.copy(PROJECT / ".telemetry", folder)
    shutil.copytree(PROJECT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (folder / "data/01_raw").mkdir(parents=True)
    for part in ("training", "validation"):
        shutil.copy(PROJECT / f"data/01_raw/sample_{part}.csv", folder / "data/01_raw")
    (folder / "data/01_raw/tiny_encoder").symlink_to(encoder)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory, encoder) -> Path:
    """The whole study, run once."""
    folder = copy_project(tmp_path_factory.mktemp("study") / "project", encoder)
    said = run(folder)
    (folder / "said.txt").write_text(said)
    return folder


def test_the_whole_study_ends_with_the_comparison_and_says_where_the_report_lies(project):
    said = (project / "said.txt").read_text()
    for technique in STUDY + RIVALS:
        assert technique in said
    assert "Report: data/08_reporting/test/report.html" in said
    comparison = pd.read_csv(project / "data/08_reporting/test/comparison.csv")
    assert list(comparison["technique"]) == STUDY + RIVALS
    assert (comparison["protocol"] == "leak_free").all()
    assert (comparison["accuracy_low"] <= comparison["accuracy"]).all()
    assert (comparison["accuracy"] <= comparison["accuracy_high"]).all()
    learns = dict(zip(comparison["technique"], comparison["trainable_parameters"] > 0, strict=True))
    assert [name for name, it_does in learns.items() if not it_does] == [
        "baseline",
        "majority_class",
        "nearest_neighbour",
    ]
    seeds = dict(zip(comparison["technique"], comparison["seeds"], strict=True))
    assert (seeds["layer_unfreezing"], seeds["hyperparameter_search"], seeds["linear_svc"]) == (3, 3, 1)


def test_the_report_is_one_page_that_says_the_leak_of_the_files_first(project):
    report = (project / "data/08_reporting/test/report.md").read_text()
    leak = report.split("## Leakage audit")[1].strip().splitlines()[0]
    assert leak.startswith("LEAK: ")
    for said in ((project / "said.txt").read_text(), (project / "data/08_reporting/test/comparison.md").read_text()):
        assert leak in said
    page = (project / "data/08_reporting/test/report.html").read_text()
    assert page.count('class="drawing"') > len(STUDY + RIVALS)


def test_nothing_was_chosen_on_the_posts_that_are_reported(project):
    tokens = load_from_disk(str(project / "data/05_model_input/test/leak_free/training_tokens"))
    marked = sum(tokens["dev"])
    assert 0 < marked < len(tokens)
    prompts = json.loads((project / "data/06_models/test/leak_free/training_prompt_tuning.json").read_text())
    assert prompts["chosen_on"] == "dev split"
    assert prompts["n_train"] <= len(tokens) - marked


def test_the_log_reads_without_warnings_of_libraries(project):
    said = (project / "said.txt").read_text()
    assert "Warning" not in said
    assert "Traceback" not in said


def test_every_row_is_accounted_for(project):
    account = json.loads((project / "data/08_reporting/test/leak_free/row_counts.json").read_text())
    filtered, split = account["filtered"]["training"], account["split"]
    assert filtered["rows_in"] == filtered["kept"] + sum(n for k, n in filtered.items() if k.startswith("dropped"))
    taken = split["held_out"] + sum(n for k, n in split.items() if k.startswith("removed")) + split["beyond_row_limit"]
    assert split["rows_in"] == filtered["kept"] == split["kept"] + taken
    assert account["files"]["training"]["rows"] == filtered["rows_in"]
    assert (split["overlap"]["id_count"], split["overlap"]["normalised_text_count"]) == (0, 0)


def test_the_search_s_best_values_train_the_prompts_if_they_are_asked_for(project, parameters):
    models = project / "data/06_models/test/leak_free"
    best = json.loads((models / "hyperparameters_hyperparameter_search.json").read_text())
    used = json.loads((models / "training_prompt_tuning.json").read_text())["hyperparameters"]
    own = parameters.prompt_tuning.hyperparameters.model_dump() | {"num_train_epochs": 1}
    assert used == {"hyperparameters": own, "source": "parameters"}
    choosing = ("--pipeline=prompt_tuning", "--nodes=prompt_tuning.choose_hyperparameters")
    run(project, *choosing, "--params=prompt_tuning.use_search_result=true")
    chosen = json.loads((models / "hyperparameters_prompt_tuning.json").read_text())
    assert chosen == {"hyperparameters": best["hyperparameters"], "source": "hyperparameter_search"}
    run(project, *choosing)
    assert json.loads((models / "hyperparameters_prompt_tuning.json").read_text()) == used


def test_every_hard_prompt_is_trained_and_its_figures_kept(project, parameters):
    table = pd.read_csv(project / "data/07_model_output/test/leak_free/prompt_tuning/prompts.csv")
    assert list(table["hard_prompt"]) == parameters.prompt_tuning.hard_prompts
    assert table["chosen"].sum() == 1
    assert table.loc[table["chosen"], "chosen_by_accuracy"].item() == table["chosen_by_accuracy"].max()


def test_metrics_are_those_of_the_predictions(project):
    for technique in ("layer_unfreezing", "prompt_tuning"):
        metrics = json.loads((project / f"data/08_reporting/test/leak_free/{technique}/metrics.json").read_text())
        predictions = pd.read_parquet(project / f"data/07_model_output/test/leak_free/{technique}/predictions.parquet")
        assert metrics["accuracy"] == pytest.approx((predictions["label"] == predictions["predicted"]).mean())
        assert metrics["data"]["training"]["sha256"]
        assert metrics["versions"]["torch"]


def assert_pipeline_answers_as_the_predictor(project, techniques):
    """Ask transformers' pipeline and ours the same posts, cleaned as in training."""
    from transformers import pipeline

    for technique in techniques:
        folder = project / f"data/06_models/test/leak_free/{technique}"
        predictor = Predictor.load(folder, "cpu", precision="fp32")
        posts = ["I love it [SEP]", "so bad " * 200, "we play at nine 🤣"]
        classify = pipeline("text-classification", model=str(folder), device="cpu", top_k=None, truncation=True)
        for answer, row in zip(classify(predictor.cleaned(posts)), predictor.probabilities(posts), strict=True):
            scores = {one["label"]: one["score"] for one in answer}
            assert [scores[label] for label in predictor.labels] == pytest.approx(row.tolist(), abs=1e-5), technique


def test_models_load_in_transformers_own_ways(project):
    assert_pipeline_answers_as_the_predictor(project, STUDY)


def test_the_best_model_is_promoted_and_gives_the_predictions_that_its_training_stored(project):
    best = project / "data/06_models/test/best"
    manifest = json.loads((best / "manifest.json").read_text())
    candidates = manifest["promotion"]["candidates"]
    assert set(candidates) == set(STUDY + RIVALS) - {"baseline", "majority_class"}
    assert candidates[manifest["technique"]] == max(candidates.values())
    comparison = pd.read_csv(project / "data/08_reporting/test/comparison.csv")
    assert list(comparison["technique"][comparison["selected"]]) == [manifest["technique"]]
    chosen = f"Chosen under `leak_free`: {manifest['technique']}, "
    assert chosen in (project / "data/08_reporting/test/comparison.md").read_text()
    assert chosen in (project / "data/08_reporting/test/report.md").read_text()
    assert manifest["technique"] in (best / "README.md").read_text()
    assert f"Best model of the run: {manifest['technique']}, in" in (project / "said.txt").read_text()
    stored = project / f"data/07_model_output/test/leak_free/{manifest['technique']}/predictions.parquet"
    run(project, "--pipelines=inference")
    rows = pd.read_parquet(project / "data/07_model_output/test/inference/predictions.parquet")
    predictions = pd.read_parquet(stored).merge(rows.assign(row=range(1, len(rows) + 1)), on="row", suffixes=("", "_2"))
    assert len(predictions) == len(pd.read_parquet(stored))
    assert list(predictions["label_2"]) == list(predictions["predicted"])
    for label in manifest["labels"]:
        assert (predictions[f"probability_{label}"] - predictions[f"probability_{label}_2"]).abs().max() < 1e-5


def run_code_of_card(folder):
    """Run every block of code of a model's card as it stands, with the folder's path put in."""
    blocks = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block.replace("path/of/this/folder", str(folder)), "card", "exec"), {})
    return blocks


def test_the_code_on_the_card_runs(project):
    run_code_of_card(project / "data/06_models/test/best")


@pytest.mark.parametrize("technique", STUDY + RIVALS)
def test_every_row_of_the_comparison_leaves_a_model_that_gives_its_stored_predictions(project, technique):
    assert_predictor_gives_what_is_stored(project, technique)


def assert_predictor_gives_what_is_stored(project, technique):
    predictor = Predictor.load(project / f"data/06_models/test/leak_free/{technique}", "cpu", precision="fp32")
    posts = pd.read_parquet(project / "data/02_intermediate/test/leak_free/split_test_posts.parquet")
    stored = pd.read_parquet(project / f"data/07_model_output/test/leak_free/{technique}/predictions.parquet")
    assert len(posts) == len(stored)
    stored = stored.set_index("row").loc[posts["row"]]
    given = predictor(posts["post"])
    assert list(given["label"]) == list(stored["predicted"])
    columns = [f"probability_{label}" for label in predictor.labels]
    assert np.abs(given[columns].to_numpy() - stored[columns].to_numpy()).max() < 1e-5


def test_any_single_node_runs_again_and_gives_the_same(project):
    metrics = project / "data/08_reporting/test/leak_free/prompt_tuning/metrics.json"
    before = json.loads(metrics.read_text())
    run(project, "--nodes=prompt_tuning.predict")
    run(project, "--nodes=prompt_tuning.evaluate")
    assert json.loads(metrics.read_text()) == before
    model = project / "data/06_models/test/leak_free/layer_unfreezing/model.safetensors"
    weights = model.read_bytes()
    run(project, "--nodes=layer_unfreezing.train")
    assert model.read_bytes() == weights


def test_a_pipeline_alone_works_from_a_fresh_clone_and_reporting_names_what_is_missing(tmp_path, encoder):
    project = copy_project(tmp_path / "fresh", encoder)
    nothing = kedro(project, "run", "--env=test", "--pipelines=reporting")
    assert nothing.returncode == 1
    assert "No technique has been run" in nothing.stderr
    run(project, "--pipeline=prompt_tuning", "--params=protocol=published,data.cleaning=published")
    hyperparameters = project / "data/06_models/test/published/hyperparameters_prompt_tuning.json"
    assert json.loads(hyperparameters.read_text())["source"] == "parameters"
    searched = "--params=prompt_tuning.use_search_result=true"
    asked = kedro(project, "run", "--env=test", "--nodes=prompt_tuning.choose_hyperparameters", searched)
    assert asked.returncode == 1
    assert "Traceback" not in asked.stderr
    assert "kedro run --pipelines=hyperparameter_search" in asked.stderr
    said = run(project, "--pipelines=reporting", "--params=protocol=published")
    assert (
        "Not run yet under protocol published: baseline, layer_unfreezing, hyperparameter_search, majority_class"
        in said
    )
    report = (project / "data/08_reporting/test/report.md").read_text()
    assert "test posts" in report.split("prompt_tuning | published")[1].splitlines()[0]
    assert "Not run under `published`: baseline" in (project / "data/08_reporting/test/comparison.md").read_text()
    assert not (project / "data/06_models/test/published/baseline").exists()


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
    encoder_parameter = "--params=model.checkpoint=data/01_raw/tiny_encoder,device=cpu"
    done = kedro(project, "run", "--pipelines=layer_unfreezing", encoder_parameter)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((project / "data/08_reporting/mine/leak_free/layer_unfreezing/metrics.json").read_text())
    assert set(metrics["per_class"]) == {"bad", "good"}
    account = json.loads((project / "data/08_reporting/mine/leak_free/row_counts.json").read_text())
    share = account["split"]["held_out"] / account["split"]["rows_in"]
    assert share == pytest.approx(0.2, abs=0.03)
    assert account["split"]["overlap"]["normalised_text_count"] == 0
