"""A locale without UTF-8, as on Windows or with LC_ALL=C: files are UTF-8, and what cannot be shown is escaped."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.predictor.conftest import save_sample
from tests.projects import ENVIRONMENT, KEDRO, copy_project

ASCII = ENVIRONMENT | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
POST = "😀 ça va – ok"


def kedro(project, *arguments, **environment) -> subprocess.CompletedProcess:
    """Run a command where the locale is C; the output as bytes."""
    return subprocess.run([KEDRO, *arguments], cwd=project, env=ASCII | environment, capture_output=True, check=False)


@pytest.mark.slow
def test_the_report_is_written_in_utf_8(finished, tmp_path):
    project = shutil.copytree(finished, tmp_path / "project", symlinks=True)
    report = project / "data/08_reporting/test"
    names = ["report.md", "report.html", "comparison.csv", "claims.csv"]
    wanted = {name: (report / name).read_bytes() for name in names}
    assert not all(content.isascii() for content in wanted.values())
    for name in names:
        (report / name).unlink()
    done = kedro(project, "run", "--env=test", "--pipelines=reporting")
    assert done.returncode == 0, done.stderr.decode()
    for name, content in wanted.items():
        assert (report / name).read_bytes().decode("utf-8")
        assert name.endswith((".html", ".md")) or (report / name).read_bytes() == content
    assert b"comparison" in done.stdout.lower()


@pytest.fixture(scope="module")
def project(tmp_path_factory, encoder) -> Path:
    """A project with a best model whose labels are not ASCII."""
    folder = copy_project(tmp_path_factory.mktemp("locale") / "project", encoder)
    save_sample(encoder, folder / "data/06_models/sample/best", labels=["böse", "gut", "😀"])
    return folder


@pytest.mark.slow
def test_a_table_shows_what_can_be_shown(project):
    done = kedro(project, "predict", POST, PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr.decode()
    shown = done.stdout.decode("latin-1")
    assert "ça va" in shown
    assert r"\U0001f600" in shown


def test_json_loses_nothing(project):
    done = kedro(project, "predict", "--json", POST)
    assert done.returncode == 0, done.stderr.decode()
    (record,) = json.loads(done.stdout.decode("ascii"))
    assert record["text"] == POST
    assert list(record["probabilities"]) == ["böse", "gut", "😀"]


@pytest.mark.slow
def test_a_file_goes_in_and_out_as_utf_8(project):
    (project / "in.csv").write_text(f"text\n{POST}\n", encoding="utf-8")
    options = ("--csv", "in.csv", "--text-column", "text", "--output", "out.csv")
    done = kedro(project, "predict", *options)
    assert done.returncode == 0, done.stderr.decode()
    assert POST in (project / "out.csv").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_message_that_cannot_be_shown_is_still_one_message(project):
    done = kedro(project, "predict", "ok", "--model", "nirgends😀", PYTHONIOENCODING="latin-1")
    assert (done.returncode, b"no manifest.json here" in done.stderr, b"Traceback" in done.stderr) == (1, True, False)
