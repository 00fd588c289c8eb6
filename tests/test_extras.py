"""What the core needs and what an extra brings: declared, asked for by name, and not needed for a run."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from tests.conftest import PROJECT
from tests.predictor.conftest import save_sample
from tests.projects import ENVIRONMENT, copy_project

DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = {name: packages for name, packages in DECLARED["optional-dependencies"].items() if name != "dev"}
BROUGHT = [one for packages in EXTRAS.values() for one in packages]
ALONG = {"matplotlib", "mlflow", "starlette"}  # by captum, mlflow-skinny, fastapi
NEEDED_BY_OTHERS = {"alembic", "sqlalchemy", "fsspec"}  # by optuna, kedro


def named(requirement: str) -> str:
    return re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-")


def test_every_package_that_is_imported_is_declared():
    imported = set()
    for path in (PROJECT / "src/tweet_sentiment").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    declared = {named(one) for one in [*DECLARED["dependencies"], *BROUGHT]} | ALONG
    distributions = packages_distributions()
    for name in imported - set(sys.stdlib_module_names) - {"tweet_sentiment"}:
        assert {name} | {named(one) for one in distributions.get(name, [])} & declared, name


HIDE = """
import sys
from importlib.machinery import PathFinder

HIDDEN = {hidden}

class Finder(PathFinder):  # knows neither the modules nor the packages, as where they are not installed
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        return None if fullname.partition(".")[0] in HIDDEN else super().find_spec(fullname, path, target)

    @staticmethod
    def find_distributions(*context):
        found = PathFinder.find_distributions(*context)
        return [one for one in found if one.name.lower().replace("-", "_") not in HIDDEN]

sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
"""


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """The environment of a process that has the core alone."""
    folder = tmp_path_factory.mktemp("hidden")
    packages = {named(one).replace("-", "_") for one in BROUGHT} | ALONG
    hidden = (packages | {"mlflow_skinny"}) - NEEDED_BY_OTHERS
    (folder / "sitecustomize.py").write_text(HIDE.format(hidden=hidden), encoding="utf-8")
    return ENVIRONMENT | {"PYTHONPATH": os.pathsep.join([str(folder), str(PROJECT / "src")])}


def done(environment, folder, *arguments):
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_the_core_alone_trains_reports_and_predicts(core, tmp_path, encoder):
    project = copy_project(tmp_path / "project", encoder)
    options = ("--env=test", "--pipelines=layer_unfreezing,reporting", "--params=data.row_limit=60")
    ran = done(core, project, "-m", "kedro", "run", *options)
    assert ran.returncode == 0, ran.stderr
    assert (project / "data/08_reporting/test/report.html").is_file()
    told = done(core, project, "-m", "tweet_sentiment", "predict", "I love this", "--run=test")
    assert told.returncode == 0, told.stderr
    assert "I love this" in told.stdout


LACKING = """
from pathlib import Path
from click.testing import CliRunner
from tweet_sentiment import Predictor
from tweet_sentiment.cli import cli
from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor.onnx.backend import open_onnx

for command in ("serve", "export"):
    done = CliRunner().invoke(cli, [command, "--model", {model!r}])
    print(done.exit_code, done.stderr.strip())
options = ["--engine=ray", "--csv=x.csv", "--text-column=x", "--output=x", "--model", {model!r}]
done = CliRunner().invoke(cli, ["predict", *options])
print(done.exit_code, done.stderr.strip())
ASKED = [
    lambda: Predictor.load("s3://b/x"),
    lambda: Predictor.load({model!r}).explain(["good"]),
    lambda: open_onnx(Path("x"), 3),
]
for asked in ASKED:
    try:
        asked()
    except StudyError as error:
        print(1, error)
"""


def test_what_an_extra_brings_is_asked_for_by_its_name(core, tmp_path, encoder):
    model = save_sample(encoder, tmp_path / "model")
    told = done(core, tmp_path, "-c", LACKING.format(model=str(model)))
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == [
        "1 tweet-sentiment serve needs fastapi, which is not installed: pip install 'tweet-sentiment[serve]'",
        "1 tweet-sentiment export needs onnx, which is not installed: pip install 'tweet-sentiment[onnx]'",
        "1 --engine ray needs ray, which is not installed: pip install 'tweet-sentiment[ray]'",
        "1 s3://b/x: Install s3fs to access S3. For s3:// pip install 'tweet-sentiment[remote]'.",
        "1 An explanation needs captum, which is not installed: pip install 'tweet-sentiment[explain]'",
        "1 x is an ONNX model, and needs onnxruntime, which is not installed: pip install 'tweet-sentiment[onnx]'",
    ]


def test_each_extra_is_asked_for_by_a_name_that_there_is():
    asked = set()
    for path in (PROJECT / "src/tweet_sentiment").rglob("*.py"):
        asked |= set(re.findall(r'with extra\("(\w+)"', path.read_text(encoding="utf-8")))
    assert asked == set(EXTRAS) - {"viz", "spark"}  # which the user imports
