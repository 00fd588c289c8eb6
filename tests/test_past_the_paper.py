"""The techniques beyond the paper as a user runs them: one command, then the report."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.projects import assert_predicts_what_is_stored, assert_transformers_answers_alike, run, run_code_of_card

pytestmark = pytest.mark.slow

TECHNIQUES = ["full_fine_tuning", "lora", "p_tuning", "distillation", "technique_search", "ensemble"]
SMALL = "--params=training_ablation.technique=full_fine_tuning"
REPORTING = "data/08_reporting/test"


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory) -> Path:
    """The finished study, and all that goes past the paper."""
    folder = Path(shutil.copytree(finished, tmp_path_factory.mktemp("past") / "project"))
    run(folder, "--pipeline=past_the_paper", SMALL)
    run(folder, "--pipeline=reporting")
    return folder


def test_each_technique_is_a_row_and_one_is_chosen_without_peeking(project):
    every = pd.read_csv(project / REPORTING / "comparison.csv").set_index("technique")
    comparison = every[every["measured"]]
    assert sorted(set(comparison.index)) == sorted(comparison.index)
    assert comparison["selected"].sum() == 1
    chosen = comparison.index[comparison["selected"]][0]
    assert comparison["dev_accuracy"].max() == comparison["dev_accuracy"][chosen]
    assert (comparison.loc[TECHNIQUES, "ms_per_post"] > 0).all()
    assert (comparison.loc[TECHNIQUES, "trainable_parameters"] > 0).all()
    assert f"**The best model** {chosen}: " in (project / REPORTING / "report.md").read_text()


def test_what_a_learning_curve_expects_is_in_the_comparison_and_marked_and_nowhere_a_result(project):
    every = pd.read_csv(project / REPORTING / "comparison.csv")
    (expected,) = every[~every["measured"]].to_dict("records")
    sizes = pd.read_csv(project / "data/07_model_output/test/leak_free/learning_curve/sizes.csv")
    assert list(sizes["n_train"]) == [8, 16, 24, expected["n_train"]]
    assert (expected["technique"], expected["accuracy"]) == ("lora", sizes["accuracy"].iloc[-1])
    assert len(pd.read_csv(project / REPORTING / "frontier.csv")) == every["measured"].sum()
    assert "is expected from all" in (project / REPORTING / "report.md").read_text()


def test_tables_of_sweeps_and_variants_have_a_row_a_setting(project):
    output = project / "data/07_model_output/test/leak_free"
    assert list(pd.read_csv(output / "unfreezing_sweep/blocks.csv")["top_blocks"]) == [0, 1, 2]
    assert len(pd.read_csv(output / "prompt_tuning/heads.csv")) == 3
    trainings = pd.read_csv(output / "training_ablation/trainings.csv")
    assert trainings["variant"][0] == "plain"
    assert set(trainings["technique"]) == {"full_fine_tuning"}
    report = (project / REPORTING / "report.md").read_text().split("## One setting at a time")[1]
    for shown in ("| plain | full_fine_tuning |", "Unfrozen blocks (leak_free)", "with a soft prompt (leak_free)"):
        assert shown in report


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_every_row_leaves_a_model_that_gives_its_stored_predictions_also_in_transformers(project, technique):
    assert_predicts_what_is_stored(project, technique)
    if technique != "ensemble":
        assert_transformers_answers_alike(project, technique)


def test_an_ensemble_is_promoted_with_its_members_and_its_card_s_code_runs(project):
    run(project, "--pipelines=reporting", "--params=promotion.technique=ensemble")
    best = project / "data/06_models/test/best"
    assert json.loads((best / "manifest.json").read_text())["technique"] == "ensemble"
    (block,) = run_code_of_card(best)
    assert "Predictor.load" in block
    assert "the mean of the probabilities of `full_fine_tuning`, `lora`" in (best / "README.md").read_text()


def test_a_technique_starts_from_the_adapted_encoder(project):
    adapted = "data/06_models/test/leak_free/domain_adaptation"
    said = run(project, "--pipeline=lora", "--nodes=lora.train", f"--params=lora.checkpoint={adapted}")
    manifest = json.loads((project / "data/06_models/test/leak_free/lora/manifest.json").read_text())
    assert manifest["encoder"] == adapted
    assert "UserWarning" not in said
