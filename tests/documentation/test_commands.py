"""Every command in the documentation names what exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs._make.parameters import leaves
from tests.conftest import PROJECT

from tweet_sentiment.pipeline_registry import register_pipelines
from tweet_sentiment.schema import Conf

PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
_CODE = re.compile(r"```[^\n]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
_LEFT_OPEN = re.compile(r"[<…$*]")


def code(page: Path) -> Iterator[str]:
    """Yield each line of code of a page, comments aside."""
    for block, span in _CODE.findall(page.read_text(encoding="utf-8")):
        for line in (block or span).splitlines():
            yield line.partition(" #")[0].strip()


def every_code() -> set[str]:
    """Return every line of code of every page; a table's cell writes ``|`` as ``\\|``."""
    return {line.replace(r"\|", "|") for page in PAGES for line in code(page)}


def values(option: str, lines: set[str]) -> set[str]:
    """Return what the option is given: each of a list parted by commas, but what the reader is to fill in."""
    given = {value for line in lines for value in re.findall(rf"--{option}=(\S+)", line)}
    return {part for value in given for part in value.split(",") if not _LEFT_OPEN.search(part)}


def keys(lines: set[str]) -> set[str]:
    """Return the names of the parameters that commands set by ``--params``."""
    ours = [line for line in lines if not line.startswith("kedro airflow")]  # whose parameters are the template's
    given = {value for line in ours for value in re.findall(r"--params=(\S+)", line)}
    return {part.partition("=")[0].lstrip("'") for value in given for part in value.split(",") if "=" in part}


def options(command: str, lines: set[str]) -> set[str]:
    """Return the options that a command is shown with."""
    shown = (line for line in lines if line.startswith(f"{command} "))
    return {option for line in shown for option in re.findall(r"(--[a-z][a-z-]*)", line)}


def targets(lines: set[str]) -> set[str]:
    """Return what ``make`` is asked for."""
    return {name for line in lines for name in re.findall(r"\bmake ([a-z-]+)", line)}


@pytest.fixture(scope="module")
def shown() -> set[str]:
    return every_code()


@pytest.fixture(scope="module")
def pipelines():
    return register_pipelines()


@pytest.fixture(scope="module")
def names() -> set[str]:
    schema = Conf.model_json_schema()
    return {key for key, _ in leaves(schema, schema["$defs"])}


def test_pipelines_exist(shown, pipelines):
    given = values("pipelines", shown) | values("pipeline", shown)
    assert given >= {"classical", "lora"}
    assert given <= set(pipelines)


def test_nodes_exist_in_the_pipeline_they_are_asked_of(shown, pipelines):
    commands = [line for line in shown if "--nodes=" in line]
    assert len(commands) > 100
    for command in commands:
        asked = values("pipelines", {command}) or {"__default__"}
        there = {node.name for name in asked for node in pipelines[name].nodes}
        assert values("nodes", {command}) <= there, command


def test_every_node_has_a_command(shown, pipelines):
    commanded = values("nodes", shown)
    assert {node.name for one in pipelines.values() for node in one.nodes} <= commanded


def test_environments_exist(shown):
    given = values("env", shown)
    assert given >= {"kaggle", "paper"}
    assert all((PROJECT / "conf" / name).is_dir() for name in given)


def test_parameters_exist(shown, names):
    given = keys(shown)
    assert given >= {"protocol", "lora.r"}
    assert given <= names


def test_parameters_named_in_the_text_exist(shown, names, pipelines):
    nodes = {node.name for one in pipelines.values() for node in one.nodes}
    sections = {name.rpartition(".")[0] for name in names} | {name.partition(".")[0] for name in names}
    tops = {name.partition(".")[0] for name in names if "." in name}
    spans = {line for line in shown if re.fullmatch(r"[a-z_]+(\.[A-Za-z_]+)+", line)}
    named = {
        line
        for line in spans
        if line.partition(".")[0] in tops and not line.endswith((".csv", ".json", ".md", ".py", ".yml"))
    }
    assert named
    assert named <= names | sections | nodes


@pytest.mark.parametrize("command", ["run", "predict", "promote"])
def test_options_exist(shown, command):
    from tweet_sentiment.cli import cli

    known = {name for option in cli.get_command(None, command).params for name in option.opts}
    assert options(f"kedro {command}", shown) <= known | {"--help"}


def test_make_can_make_what_is_asked(shown):
    made = set(re.findall(r"^([a-z-]+):.*##", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert targets(shown) >= {"run", "test"}
    assert targets(shown) <= made
