"""Versions and commands that stand in several files are the same in all."""

import re
import tomllib

import pytest
import yaml
from tests.conftest import PROJECT


def _read(path: str) -> str:
    return (PROJECT / path).read_text(encoding="utf-8")


def test_ruff_before_a_commit_is_the_ruff_of_the_tests():
    hooks = {repo["repo"]: repo.get("rev") for repo in yaml.safe_load(_read(".pre-commit-config.yaml"))["repos"]}
    assert f"ruff=={hooks['https://github.com/astral-sh/ruff-pre-commit'][1:]} " in _read("requirements.lock")


def test_the_version_is_the_same_everywhere_and_in_the_changelog():
    version = tomllib.loads(_read("pyproject.toml"))["project"]["version"]
    assert yaml.safe_load(_read("CITATION.cff"))["version"] == version
    assert f"## {version}\n" in _read("CHANGELOG.md")


def test_github_runs_what_ci_runs():
    steps = yaml.safe_load(_read(".github/workflows/test.yml"))["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["bash .ci/run"]
    assert "exec make test-all\n" in _read(".ci/run")
    assert re.search(r"^make test ", _read("README.md"), re.MULTILINE)


def _names(lines: list[str]) -> set[str]:
    """Return packages by the one spelling that an index knows them by."""
    return {re.sub(r"[-_.]+", "-", found[0]).lower() for line in lines if (found := re.match(r"[\w.-]+", line))}


def test_every_direct_dependency_is_locked():
    project = tomllib.loads(_read("pyproject.toml"))["project"]
    extras = dict(project["optional-dependencies"])
    locked = _names((_read("requirements.lock") + _read("requirements-torch.lock")).splitlines())
    for engine in ("postgres", "ray", "remote", "spark"):  # locked apart
        extras.pop(engine, None)
    assert _names(extras.pop("tracking")) <= locked | _names(_read("requirements-tracking.lock").splitlines())
    for packages in [project["dependencies"], *extras.values()]:
        assert _names(packages) <= locked


@pytest.mark.parametrize("lock", sorted(path.name for path in PROJECT.glob("requirements*.lock")))
def test_every_package_is_locked_to_one_version_and_the_hashes_of_its_files_and_to_no_index(lock):
    text = re.sub(r"(?m)^#.*\n", "", _read(lock)).replace(" \\\n", " ")
    assert text
    for line in text.splitlines():
        requirement, *hashes = re.split(r" +--hash=", line)
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ; .+)?", requirement), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes), requirement


def test_docstrings_name_code_as_the_pages_show_it():
    """A role such as :func: is Sphinx's; the API reference would print it."""
    for folder in ("src", "docs", "benchmarks"):
        for path in (PROJECT / folder).rglob("*.py"):
            assert not re.findall(r":[a-z]+:`[^`]*`", path.read_text(encoding="utf-8")), path
