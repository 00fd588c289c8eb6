"""A command that stands beside a row gives that row."""

import shlex
import shutil
from pathlib import Path

import click
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import PROJECT
from tests.incremental.sessions import run
from tests.reports.made import LEAKING, inputs, row

from tweet_sentiment.commands.run import split_params
from tweet_sentiment.datasets import Csv
from tweet_sentiment.reports.inputs import Report
from tweet_sentiment.reports.report import as_markdown
from tweet_sentiment.reports.reproduce import BESIDE, ENVIRONMENTS, WHOLE, commands, pipeline_of, reproduction
from tweet_sentiment.schema import Conf
from tweet_sentiment.techniques import LAST, STUDIED, TECHNIQUES

METRICS = {"encoder": "e", "device": "cpu", "dtype": "fp32", "seed": 7, "versions": {"torch": "2.13.0"}}


def said(rows, files, **more):
    return as_markdown(Report("t", {}, "", [], [reproduction(inputs(rows, files, **more))]))


def test_the_report_says_command_seed_versions_and_hashes_and_which_ids_are_not_trusted():
    file = {"file": "mine.csv", "rows": 10, "sha256": "c0ffee", "ids": "not used: 9 of 9 are rounded"}
    counts = {"texts": "raw", "training_posts": 9, "dev_posts": 1, "test_posts": 8, "files": {"training": file}}
    files = {"leak_free/row_counts.json": counts, "leak_free/x/metrics.json": METRICS}
    text = said(LEAKING, files, run="kaggle")
    command = "kedro run --env=kaggle --pipelines=classical --params=protocol=leak_free"
    ids = "its ids are not used: 9 of 9 are rounded"
    for told in (
        "seed 7",
        "torch",
        "2.13.0",
        "| training | mine.csv | 10 | c0ffee |",
        "| raw | 9 | 1 | 8 |",
        command,
        ids,
    ):
        assert told in text


def test_results_of_several_versions_are_told_apart():
    older = METRICS | {"versions": {"torch": "2.12.0", "peft": "0.21.2"}}
    files = {"leak_free/x/metrics.json": METRICS, "leak_free/y/metrics.json": older, "published/y/metrics.json": older}
    text = said(LEAKING, files).split("Versions")[1]
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")] == [
        ["results", "torch", "peft"],
        ["---"] * 3,
        ["leak_free/x", "2.13.0", "–"],
        ["leak_free/y, published/y", "2.12.0", "0.21.2"],
    ]


@pytest.mark.parametrize("run", ENVIRONMENTS)
def test_a_run_whose_environment_the_report_names_is_made_by_that_environment(run):
    assert yaml.safe_load((PROJECT / "conf" / run / "globals.yml").read_text())["run"] == run


def test_a_run_of_another_name_or_file_is_named_in_the_command():
    *runs, report = commands(inputs(LEAKING, run="mine"))
    assert runs[0] == "kedro run --pipelines=classical --params=run=mine,protocol=published"
    assert report == "kedro run --pipelines=reporting --params=run=mine"
    named = {"data.training_file": "in/mine.csv", "data.columns.label": "stars"}
    run, report = commands(inputs([row("lora", "leak_free", 0.6)], run="mine", named=named))
    told = "run=mine,data.training_file=in/mine.csv,data.columns.label=stars"
    assert run == f"kedro run --pipelines=lora --params={told},protocol=leak_free"
    assert report == f"kedro run --pipelines=reporting --params={told}"


def test_the_commands_run_what_stands_in_the_report_and_nothing_else():
    rows = [row(name, "leak_free", 0.6) for name in [*STUDIED, "lora", "ensemble", "distillation", "technique_search"]]
    rows += [row(name, "grouped_1_of_2", 0.6) for name in ("linear_svc", "majority_class", "lora")]
    files = ("grouped_1_of_2/preprocessing_ablation/variants.csv", "leak_free/learning_curve/sizes.csv")
    of = inputs(rows, dict.fromkeys([*files, "leak_free/unfreezing_sweep/blocks.csv"]), run="sample")
    assert [command.removeprefix("kedro run ") for command in commands(of)[:-1]] == [
        "--params=protocol=leak_free",
        "--pipelines=lora,technique_search,learning_curve,unfreezing_sweep --params=protocol=leak_free",
        "--pipelines=distillation --params=protocol=leak_free",
        "--pipelines=ensemble --params=protocol=leak_free",
        "--pipelines=classical,lora,preprocessing_ablation --params=protocol=grouped_1_of_2",
    ]


def test_a_technique_that_was_trained_with_other_parameters_has_a_command_that_says_so():
    lora = {"r": 8, "row_limit": None, "hyperparameters": {"num_train_epochs": 3}}
    configured = {"seed": 42, "lora": lora, "labels": "auto"}
    changed = lora | {"row_limit": 50, "hyperparameters": {"num_train_epochs": 1}}
    files = {
        "leak_free/lora/manifest.json": {"parameters": {"seed": 42, "lora": changed, "labels": ["a"]}},
        "leak_free/baseline/manifest.json": {"parameters": {"seed": 42}},
    }
    rows = [row(name, "leak_free", 0.6) for name in ("baseline", "lora", "ensemble", "linear_svc")]
    assert commands(inputs(rows, files, run="kaggle", configured=configured)) == [
        "kedro run --env=kaggle --pipelines=baseline,classical --params=protocol=leak_free",
        "kedro run --env=kaggle --pipelines=lora "
        "--params=protocol=leak_free,lora.row_limit=50,lora.hyperparameters.num_train_epochs=1",
        "kedro run --env=kaggle --pipelines=ensemble --params=protocol=leak_free",
        "kedro run --env=kaggle --pipelines=reporting",
    ]


def manifest(searched=None, **parameters):
    return {"parameters": parameters, "searched": searched}


CONF = {
    "training": {"class_weights": None, "at_once": "auto", "save_minutes": 10},
    "ensemble": {"members": ["lora", "linear_svc"]},
    "distillation": {"teachers": ["lora"]},
    "layer_unfreezing": {"hyperparameters": {"num_train_epochs": 3}},
    "hyperparameter_search": {"n_trials": 40},
    "learning_curve": {"sizes": [100, 200, 300]},
    "training_ablation": {"variants": {"plain": {}, "mean": {"pooling": "mean"}}},
    "promotion": {"metric": "accuracy", "technique": None},
    "uncertainty": {"level": 0.95},
    "reporting": {"other_runs": [], "paper_accuracy": {}},
}


def test_lists_maps_and_the_parameters_of_experiments_and_of_the_report_are_named_too():
    weights = {"bad": 1.0, "not good": 9.0}
    variants = {"plain": {}, "hot": {"hyperparameters": {"learning_rate": 1.0}}}
    files = {
        "leak_free/lora/manifest.json": manifest(training={"class_weights": weights, "at_once": 1, "save_minutes": 1}),
        "leak_free/ensemble/manifest.json": manifest(ensemble={"members": ["distillation", "lora"]}),
        "leak_free/distillation/manifest.json": manifest(distillation={"teachers": ["lora", "full_fine_tuning"]}),
        "leak_free/hyperparameter_search/manifest.json": manifest(
            "layer_unfreezing",
            hyperparameter_search={"n_trials": 5},
            layer_unfreezing={"hyperparameters": {"num_train_epochs": 9}},
        ),
        "leak_free/learning_curve/sizes.csv": None,
        "leak_free/learning_curve/.fingerprints/learning_curve.table_of_sizes.json": manifest(
            learning_curve={"sizes": [5, 10, 15]}
        ),
        "leak_free/training_ablation/trainings.csv": None,
        "leak_free/training_ablation/.fingerprints/training_ablation.table_of_trainings.json": manifest(
            training_ablation={"variants": variants}
        ),
    }
    rows = [row(name, "leak_free", 0.6) for name in ("lora", "ensemble", "distillation", "hyperparameter_search")]
    rules = {"promotion": {"metric": "macro_f1", "technique": None}, "uncertainty": {"level": 0.9}}
    start = "kedro run --env=kaggle --pipelines="
    assert commands(inputs(rows, files, run="kaggle", configured=CONF, rules=rules, model=Conf)) == [
        start + "lora --params='uncertainty.level=0.9,protocol=leak_free,"
        'training.class_weights={bad: 1.0, "not good": 9.0}\'',
        start + "hyperparameter_search --params=uncertainty.level=0.9,protocol=leak_free,"
        "hyperparameter_search.n_trials=5",
        start + "learning_curve --params='uncertainty.level=0.9,protocol=leak_free,learning_curve.sizes=[5,10,15]'",
        start + "training_ablation --params='uncertainty.level=0.9,protocol=leak_free,"
        "training_ablation.variants.plain={},training_ablation.variants.hot.hyperparameters={learning_rate: 1.0}'",
        start + "distillation --params='uncertainty.level=0.9,protocol=leak_free,"
        "distillation.teachers=[lora,full_fine_tuning]'",
        start + "ensemble --params='uncertainty.level=0.9,protocol=leak_free,ensemble.members=[distillation,lora]'",
        start + "reporting --params=uncertainty.level=0.9,promotion.metric=macro_f1",
    ]


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C"], exclude_characters="[]{}\u2028\u2029\x85"))


@given(
    st.lists(WORDS, min_size=1),
    WORDS.filter(str.strip),
    st.floats(1e-8, 1.0),
    st.dictionaries(WORDS.filter(str.strip), st.floats(1e-3, 10.0), min_size=1),
)
def test_kedro_run_reads_the_values_that_a_command_names(prompts, text, rate, weights):
    prompted = {"hard_prompts": prompts, "prompt_tuning_init_text": text, "hyperparameters": {"learning_rate": rate}}
    changed = {"prompt_tuning": prompted, "training": {"class_weights": weights}}
    now = {"hard_prompts": None, "prompt_tuning_init_text": None, "hyperparameters": {"learning_rate": 5.0}}
    configured = {"prompt_tuning": now, "training": {"class_weights": None}}
    files = {"leak_free/prompt_tuning/manifest.json": {"parameters": changed}}
    command, _ = commands(
        inputs([row("prompt_tuning", "leak_free", 0.6)], files, run="kaggle", configured=configured, model=Conf)
    )
    (params,) = [word.removeprefix("--params=") for word in shlex.split(command) if word.startswith("--params=")]
    read = split_params(click.Context(click.Command("run")), None, params)
    assert read == changed | {"protocol": "leak_free"}


def test_the_pipelines_of_the_commands_are_those_of_the_project():
    from tweet_sentiment.pipeline_registry import register_pipelines

    registered = register_pipelines()
    assert {*WHOLE, *LAST, *BESIDE, *map(pipeline_of, TECHNIQUES)} <= set(registered)
    assert {node.namespace for node in registered["__default__"].nodes if node.namespace} == set(STUDIED)


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


@pytest.mark.slow
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


def test_a_technique_of_another_run_has_a_command_of_that_run():
    rows = [row("lora", "leak_free", 0.7), row("lora (mpnet)", "leak_free", 0.8)]
    parameters = {"lora": {"r": 8}, "model": {"checkpoint": "embedded"}}
    files = {
        "leak_free/lora/manifest.json": {"parameters": parameters},
        "leak_free/lora (mpnet)/manifest.json": {"parameters": parameters | {"model": {"checkpoint": "models/mpnet"}}},
    }
    known = inputs(rows, files, run="mine", configured=parameters, named={"data.training_file": "mine.csv"})
    assert commands(known) == [
        "kedro run --pipelines=lora --params=run=mine,data.training_file=mine.csv,protocol=leak_free",
        "kedro run --pipelines=lora --params=data.training_file=mine.csv,protocol=leak_free,run=mpnet,"
        "model.checkpoint=models/mpnet",
        "kedro run --pipelines=reporting --params='run=mine,data.training_file=mine.csv,reporting.other_runs=[mpnet]'",
    ]
