"""Every command in the documentation names what exists."""

import re

import pytest
from docs._make.schemas import leaves
from tests.conftest import PROJECT
from tests.documentation.commands import every_code, keys, options, targets, values

from tweet_sentiment.pipeline_registry import register_pipelines
from tweet_sentiment.schema import Conf


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
