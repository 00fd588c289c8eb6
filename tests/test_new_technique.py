"""A technique is added in three places, and everything that the others have comes with it."""

import json
import re
import subprocess

import pandas as pd
import pytest

from tests.projects import ENVIRONMENT, KEDRO, assert_predicts_what_is_stored, copy_project

pytestmark = pytest.mark.slow
SOURCE = '''"""BitFit: the biases are trained, with the head (Ben Zaken et al., 2022)."""

from typing import Any

from tweet_sentiment.parameters import TrainerParameters


class Parameters(TrainerParameters):
    """``blocks``: the biases of so many blocks from the top are trained."""

    blocks: int


def fit(examples: Any, toy: Parameters, setup: Any, **more: Any) -> Any:
    """Train the biases of the top blocks, and the head."""
    from tweet_sentiment.modeling.fitting import fit_encoder, new_classifier
    from tweet_sentiment.modeling.freezing import unfreeze

    classifier = new_classifier(toy, setup)
    top = tuple(f"distilbert.transformer.layer.{1 - i}." for i in range(toy.blocks))
    biases = [name for name, _ in classifier.named_parameters() if name.startswith(top) and name.endswith(".bias")]
    unfreeze(classifier, ["pre_classifier", "classifier", *biases])
    return fit_encoder(classifier, examples, toy, setup, **more)
'''
CONF = """\
toy:
  blocks: 1
  checkpoint: null
  second_segment: null
  label_smoothing_factor: 0.0
  early_stopping_patience: null
  row_limit: 24
  load_best_model_at_end: true
  hold_out_dev_split: true
  repeat_seeds: true
  hyperparameters:
    {num_train_epochs: 1, per_device_train_batch_size: 8, learning_rate: 0.001, warmup_steps: 0, weight_decay: 0.0}
"""


def kedro(project, *arguments):
    """Give a command with the project's own copy of the code."""
    environment = ENVIRONMENT | {"PYTHONPATH": str(project / "src")}
    return subprocess.run([KEDRO, *arguments], cwd=project, env=environment, capture_output=True, text=True)


def run(project, *arguments):
    done = kedro(project, "run", "--env=test", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory, encoder):
    """A copy of the project with the technique toy, trained beside lora, and a report on both."""
    folder = copy_project(tmp_path_factory.mktemp("toy") / "project", encoder)
    techniques = folder / "src/tweet_sentiment/techniques"
    (techniques / "toy.py").write_text(SOURCE)
    (folder / "conf/base/parameters_toy.yml").write_text(CONF)
    listed = (techniques / "__init__.py").read_text()
    listed = listed.replace("    prompt_tuning,\n", "    prompt_tuning,\n    toy,\n", 1)
    lora = '        Technique("lora", lora.Parameters, lora.fit),\n'
    assert lora in listed
    (techniques / "__init__.py").write_text(
        listed.replace(lora, lora + '        Technique("toy", toy.Parameters, toy.fit),\n')
    )
    (folder / "said.txt").write_text(run(folder, "--pipelines=lora,toy,reporting"))
    return folder


def test_it_is_trained_evaluated_compared_and_reported(project):
    folder = project / "data/08_reporting/test"
    comparison = pd.read_csv(folder / "comparison.csv").set_index("technique")
    assert list(comparison.index) == ["lora", "toy"]
    assert 0 < comparison["trainable_parameters"]["toy"] < comparison["trainable_parameters"]["lora"]
    assert comparison["seeds"]["toy"] == 3
    assert comparison[["accuracy_low", "dev_accuracy", "ms_per_post"]].notna().all(axis=None)
    assert "toy" in (project / "said.txt").read_text()
    for page in ("report.html", "report.md"):
        assert "toy" in (folder / page).read_text(), page
    assert re.search("kedro run --env=test .*toy", (folder / "report.md").read_text()), "how it is made again"
    candidates = json.loads((project / "data/06_models/test/best/manifest.json").read_text())["promotion"]["candidates"]
    assert set(candidates) == {"lora", "toy"}


def test_its_folder_predicts_what_is_stored_and_kedro_predict_takes_it(project):
    assert_predicts_what_is_stored(project, "toy")
    model = "data/06_models/test/leak_free/toy"
    done = kedro(project, "predict", "--model", model, "so good", "so bad")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip().splitlines()) >= 2


def test_its_parameters_are_checked_and_other_experiments_take_it_by_name(project):
    refused = kedro(project, "run", "--env=test", "--pipelines=toy", "--params=toy.block=2")
    assert refused.returncode == 1
    assert "toy.block: no such parameter" in refused.stderr
    curve = "--params=learning_curve.techniques=[toy],ensemble.members=[toy,lora],technique_search.technique=toy"
    run(project, "--pipelines=ensemble,learning_curve,technique_search", curve)
    rows = pd.read_csv(project / "data/07_model_output/test/leak_free/learning_curve/sizes.csv")
    assert set(rows["technique"]) == {"toy"}
    searched = json.loads((project / "data/06_models/test/leak_free/training_technique_search.json").read_text())
    assert searched["searched"] == "toy"
