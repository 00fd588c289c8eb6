"""The wheel: built as ``kedro package`` builds it, installed where the checkout is not seen, and run."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import PROJECT
from tests.projects import ENVIRONMENT

pytestmark = pytest.mark.slow
OUTSIDE = {name: value for name, value in ENVIRONMENT.items() if name not in ("PYTHONPATH", "KEDRO_ENV")}


def said(*command, **options) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=OUTSIDE, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of a copy: what a build leaves beside the sources stays out of the checkout."""
    source = tmp_path_factory.mktemp("source")
    shutil.copytree(PROJECT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    build = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir")
    said(sys.executable, *build, source / "dist", source)
    return next((source / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """Where the commands of an environment lie that has the wheel, and behind it the libraries of this one."""
    environment = tmp_path_factory.mktemp("environment")
    said(sys.executable, "-m", "venv", "--without-pip", environment)
    python = environment / "bin/python"
    said(sys.executable, "-m", "pip", "--quiet", "--python", python, "install", "--no-deps", "--no-index", wheel)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return environment / "bin"


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """An empty folder with the sample's posts."""
    raw = tmp_path / "data/01_raw"
    raw.mkdir(parents=True)
    for part in ("training", "validation"):
        shutil.copy(PROJECT / f"data/01_raw/sample_{part}.csv", raw)
    return tmp_path


def test_it_holds_every_file_of_the_package(wheel):
    package = PROJECT / "src/tweet_sentiment"
    files = {path.relative_to(package.parent).as_posix() for path in package.rglob("*") if path.is_file()}
    assert {name for name in files if "__pycache__" not in name} <= set(zipfile.ZipFile(wheel).namelist())


def test_what_is_run_is_the_wheel_and_its_commands_are_those_of_kedro(installed, elsewhere):
    found = said(installed / "python", "-c", "import tweet_sentiment; print(tweet_sentiment.__file__)", cwd=elsewhere)
    assert Path(found.strip()).is_relative_to(installed.parent)
    for shown in (
        said(installed / "tweet-sentiment", "--help", cwd=elsewhere),
        said(installed / "python", "-m", "tweet_sentiment", "--help", cwd=elsewhere),
    ):
        for name in ("run", "init", "predict", "serve", "export", "promote"):
            assert f"\n  {name} " in shown


def test_it_runs_outside_the_project_with_the_configuration_unpacked(installed, elsewhere):
    shutil.copytree(PROJECT / "conf", elsewhere / "conf")
    options = ("--pipelines=data_processing", "--params=data.row_limit=100")
    log = said(installed / "python", "-m", "tweet_sentiment", *options, cwd=elsewhere)
    assert 0 < len(pd.read_parquet(elsewhere / "data/03_primary/sample/leak_free/training_posts.parquet")) <= 100
    assert "Warning" not in log
    assert {path.name for path in elsewhere.iterdir()} == {"conf", "data"}


def test_it_runs_with_the_packed_configuration(installed, elsewhere):
    with tarfile.open(elsewhere / "conf.tar.gz", "w:gz") as packed:
        packed.add(PROJECT / "conf", "conf", filter=lambda one: None if "/local/" in one.name else one)
    said(installed / "tweet-sentiment", "run", "--conf-source=conf.tar.gz", "--nodes=read_posts", cwd=elsewhere)
    assert len(pd.read_parquet(elsewhere / "data/02_intermediate/sample/leak_free/read_training_posts.parquet")) > 500


def test_without_a_configuration_it_says_so_in_one_message(installed, elsewhere):
    done = subprocess.run(
        [installed / "tweet-sentiment", "run"], capture_output=True, text=True, env=OUTSIDE, cwd=elsewhere
    )
    assert done.returncode == 1
    assert "conf" in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(elsewhere) == ["data"]
