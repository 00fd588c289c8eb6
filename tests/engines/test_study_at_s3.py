"""The study with all its files in S3: tasks that share no disk give what one machine gives."""

import os
import shutil
import subprocess

import pandas as pd
import pytest
import yaml
from tests.projects import ENVIRONMENT, KEDRO, run, small_project

from tweet_sentiment.pipeline_registry import register_pipelines

pytestmark = pytest.mark.slow
MEASURED = "seconds|ms_per_post"  # the columns of what no two runs share


def tasks():
    """Yield the options of each task, in the order of the DAG of deploy/airflow."""
    study = register_pipelines()["__default__"]
    names = dict.fromkeys(str(node.namespace).partition(".")[0] for node in study.nodes if node.namespace)
    yield ["--pipelines=feature_extraction,label_issues"]
    yield from ([f"--namespaces={name}"] for name in sorted(names, key=lambda name: name == "prompt_tuning"))
    yield ["--pipelines=reporting"]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    project = small_project(tmp_path_factory.mktemp("here") / "project")
    for task in tasks():
        run(project, *task)
    return project


@pytest.fixture(scope="module")
def machine(here, s3, tmp_path_factory):
    """Return a function that gives a command on a machine of its own: an empty disk, and the bucket's address."""
    for part in ("training", "validation"):
        s3.put_file(str(here / f"data/01_raw/sample_{part}.csv"), f"bucket/raw/sample_{part}.csv")

    def give(*arguments):
        folder = tmp_path_factory.mktemp("machine")
        project = folder / "project"
        for part in ("conf", "src", "data/01_raw/tiny_encoder"):
            shutil.copytree(here / part, project / part)
        for name in ("pyproject.toml", ".telemetry"):
            shutil.copy(here / name, project)
        said = yaml.safe_load((project / "conf/test/globals.yml").read_text())
        said |= {f"{part}_file": f"s3://bucket/raw/sample_{part}.csv" for part in ("training", "validation")}
        (project / "conf/test/globals.yml").write_text(yaml.safe_dump(said | {"outputs": "s3://bucket/study"}))
        environment = ENVIRONMENT | os.environ | {"TWEET_SENTIMENT_CACHE": str(folder / "cache")}
        done = subprocess.run([KEDRO, *arguments], cwd=project, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert not list((project / "data").glob("0[2-57-8]*"))
        return done.stdout + done.stderr

    return give


@pytest.fixture(scope="module")
def there(machine):
    for task in tasks():
        machine("run", "--env=test", *task)


def test_the_predictions_are_the_same_bytes_and_so_is_the_comparison(here, there, s3):
    files = sorted((here / "data/07_model_output").rglob("*predictions.parquet"))
    assert len(files) > 10
    for file in files:
        assert s3.cat_file(f"bucket/study/{file.relative_to(here / 'data')}") == file.read_bytes(), file
    path = "08_reporting/test/comparison.csv"
    expected = pd.read_csv(here / "data" / path)
    with s3.open(f"bucket/study/{path}") as file:
        found = pd.read_csv(file)
    measured = expected.filter(regex=MEASURED).columns
    assert len(measured) == 2, list(measured)
    pd.testing.assert_frame_equal(expected.drop(columns=measured), found.drop(columns=measured))


def test_on_a_new_machine_nothing_has_changed_and_what_is_missing_is_made_again(machine, there, s3):
    for task in (["--namespaces=prompt_tuning"], ["--pipelines=feature_extraction,label_issues"]):
        assert "Nothing has changed" in machine("run", "--env=test", "--only-changed", *task)
    path = "bucket/study/07_model_output/test/leak_free/layer_unfreezing/predictions.parquet"
    content = s3.cat_file(path)
    s3.rm_file(path)
    said = machine("run", "--env=test", "--only-missing-outputs", "--namespaces=layer_unfreezing")
    assert "layer_unfreezing.predict " in said
    assert "layer_unfreezing.train " not in said
    s3.invalidate_cache()
    assert s3.cat_file(path) == content


def test_the_best_model_is_asked_where_it_lies(machine, there, s3):
    said = machine("predict", "--model=s3://bucket/study/06_models/test/best", "I love this")
    assert "%" in said
