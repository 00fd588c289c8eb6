"""The techniques beyond the paper as a user runs them: one command, then the report."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.test_study import (
    assert_pipeline_answers_as_the_predictor,
    assert_predictor_gives_what_is_stored,
    copy_project,
    run,
    run_code_of_card,
)

TECHNIQUES = ["full_fine_tuning", "lora", "p_tuning", "distillation", "technique_search", "ensemble"]
SMALL = "--params=training_ablation.technique=full_fine_tuning"


@pytest.fixture(scope="module")
def project(tmp_path_factory, encoder) -> Path:
    folder = copy_project(tmp_path_factory.mktemp("past") / "project", encoder)
    run(folder, "--pipeline=past_the_paper", SMALL)
    run(folder, "--pipeline=reporting")
    return folder


def test_each_technique_is_a_row_and_one_is_chosen_without_peeking(project):
    every = pd.read_csv(project / "data/08_reporting/test/comparison.csv").set_index("technique")
    comparison = every[every["measured"]]
    assert list(comparison.index) == TECHNIQUES
    assert comparison["selected"].sum() == 1
    assert comparison["dev_accuracy"].idxmax() == comparison.index[comparison["selected"]][0]
    assert (comparison["ms_per_post"] > 0).all()
    assert (comparison["trainable_parameters"] > 0).all()
    report = (project / "data/08_reporting/test/comparison.md").read_text()
    assert "Chosen under `leak_free`: " in report


def test_what_a_learning_curve_expects_is_in_the_comparison_and_marked_and_nowhere_a_result(project):
    every = pd.read_csv(project / "data/08_reporting/test/comparison.csv")
    (expected,) = every[~every["measured"]].to_dict("records")
    sizes = pd.read_csv(project / "data/07_model_output/test/leak_free/learning_curve/sizes.csv")
    assert list(sizes["n_train"]) == [8, 16, 24, expected["n_train"]]
    assert (expected["technique"], expected["accuracy"]) == ("lora", sizes["accuracy"].iloc[-1])
    assert len(pd.read_csv(project / "data/08_reporting/test/frontier.csv")) == len(TECHNIQUES)
    assert "is to be expected of all" in (project / "data/08_reporting/test/report.md").read_text()


def test_tables_of_sweeps_and_variants_have_a_row_a_setting(project):
    output = project / "data/07_model_output/test/leak_free"
    assert list(pd.read_csv(output / "unfreezing_sweep/blocks.csv")["top_blocks"]) == [0, 1, 2]
    assert len(pd.read_csv(output / "prompt_tuning/heads.csv")) == 3
    trainings = pd.read_csv(output / "training_ablation/trainings.csv")
    assert trainings["variant"][0] == "plain"
    assert set(trainings["technique"]) == {"full_fine_tuning"}
    report = (project / "data/08_reporting/test/report.md").read_text().split("## One setting at a time")[1]
    for shown in ("| plain | full_fine_tuning |", "Unfrozen blocks (leak_free)", "beside a soft prompt (leak_free)"):
        assert shown in report


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_every_row_leaves_a_model_that_gives_its_stored_predictions(project, technique):
    assert_predictor_gives_what_is_stored(project, technique)


def test_an_ensemble_is_promoted_with_its_members_and_its_card_s_code_runs(project):
    run(project, "--pipelines=reporting", "--params=promotion.technique=ensemble")
    best = project / "data/06_models/test/best"
    assert json.loads((best / "manifest.json").read_text())["technique"] == "ensemble"
    (block,) = run_code_of_card(best)
    assert "Predictor.load" in block
    assert "the mean of what `full_fine_tuning`, `lora` say" in (best / "README.md").read_text()


def test_models_load_in_transformers_own_way(project):
    trained = ["full_fine_tuning", "lora", "p_tuning", "distillation", "technique_search"]
    assert_pipeline_answers_as_the_predictor(project, trained)


def test_a_technique_starts_from_the_adapted_encoder(project):
    adapted = "data/06_models/test/leak_free/domain_adaptation"
    said = run(project, "--pipeline=lora", "--nodes=lora.train", f"--params=lora.checkpoint={adapted}")
    manifest = json.loads((project / "data/06_models/test/leak_free/lora/manifest.json").read_text())
    assert manifest["encoder"] == adapted
    assert "UserWarning" not in said
