"""A command that stands beside a row gives that row."""

import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests.incremental.sessions import run

from tweet_sentiment.datasets import Csv

SAME = ["accuracy", "eval_loss", "n_train", "trainable_parameters", "texts", "dev_accuracy"]
CHANGED = {"lora": {"row_limit": 16, "r": 3, "hyperparameters": {"num_train_epochs": 2}}}


def row_of(project: Path, technique: str) -> "pd.Series":
    table = Csv(filepath=str(project / "data/08_reporting/test/comparison.csv")).load().set_index("technique")
    return table.loc[technique, SAME]


def parameters_of(command: str) -> dict:
    """Read a command as kedro's command line does."""
    from kedro.framework.cli.utils import _split_params

    words = dict(word.removeprefix("--").split("=", 1) for word in shlex.split(command)[2:])
    return words | {"params": _split_params(None, None, words["params"])}


@pytest.mark.parametrize("technique", ["lora"])
def test_the_command_of_a_row_gives_the_row(technique, finished, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(finished, project)
    run(project, CHANGED, pipeline_names=[technique])
    run(project, pipeline_names=["reporting"])
    first = row_of(project, technique)
    report = (project / "data/08_reporting/test/report.md").read_text(encoding="utf-8")
    (command,) = [line for line in report.splitlines() if f"--pipelines={technique} " in line]
    given = parameters_of(command)
    assert (given["env"], given["params"]) == ("test", {"protocol": "leak_free", **CHANGED})
    for layer in ("06_models", "07_model_output", "08_reporting"):
        for path in (project / "data" / layer / "test/leak_free").glob(f"*{technique}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(project / "data/06_models/test/leak_free/.working" / technique)
    run(project, given["params"], pipeline_names=given["pipelines"].split(","))
    run(project, pipeline_names=["reporting"])
    pd.testing.assert_series_equal(row_of(project, technique), first)
