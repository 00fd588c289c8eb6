"""``kedro run``, with one message instead of a traceback for a user's mistake."""

import re
from copy import copy
from difflib import get_close_matches
from typing import Any

import click
from kedro.framework import project
from kedro.framework.cli.project import run as kedro_run
from kedro.pipeline import Pipeline
from omegaconf import OmegaConf
from yaml import YAMLError

from tweet_sentiment.cli import Command
from tweet_sentiment.errors import StudyError

ONLY_CHANGED = click.Option(
    ["--only-changed"],
    is_flag=True,
    help="Run only the nodes whose inputs, parameters, code, libraries or outputs have changed, and all after them.",
)


def split_params(context: click.Context, option: click.Parameter, value: str) -> Any:
    """Part ``--params`` at its commas, but at none within brackets: ``labels=[bad,good],seed=7`` are two."""
    plain = re.sub(r"\[[^\]]*\]|\{[^}]*\}", "", value) if isinstance(value, str) else ""
    keys = re.findall(r"(?:^|,)\s*([\w.]+)=", plain)
    if twice := [key for key in keys if keys.count(key) > 1]:
        context.fail(f"--params: {twice[0]} is given twice; leave one out.")
    if not isinstance(value, str) or not re.search(r"[\[{]", value):
        return KEDRO_PARAMS.callback(context, option, value)  # type: ignore[misc]
    items = [item.strip() for item in re.findall(r"(?:[^,\[{]|\[[^\]]*\]|\{[^}]*\}|[\[{])+", value)]
    if wrong := [item for item in items if not re.match(r"[^=\s]+=", item)]:
        context.fail(f"--params: expected key=value, found {wrong[0]!r}.")
    try:
        return OmegaConf.to_container(OmegaConf.from_dotlist(items))
    except YAMLError as error:
        context.fail(
            f"--params: {value!r} is no YAML ({str(error).splitlines()[0]}). Put quotes around texts in lists."
        )


def read_config(context: click.Context, option: click.Parameter, value: Any) -> Any:
    """Read the options of ``--config``, as Kedro does; a file of another form is one message."""
    try:
        return KEDRO_CONFIG.callback(context, option, value)  # type: ignore[misc]
    except (AttributeError, KeyError, TypeError, ValueError, YAMLError):
        context.fail(
            f"--config: {value} does not hold options of kedro run, such as\n\n  run:\n    pipelines: lora\n"
            "    params: {lora: {r: 8}}\n\nParameters alone belong into conf/local/parameters.yml."
        )


KEDRO_PARAMS = next(option for option in kedro_run.params if option.name == "params")
PARAMS = copy(KEDRO_PARAMS)
PARAMS.callback = split_params
KEDRO_CONFIG = next(option for option in kedro_run.params if option.name == "config")
CONFIG = copy(KEDRO_CONFIG)
CONFIG.callback = read_config
OPTIONS = [{KEDRO_PARAMS: PARAMS, KEDRO_CONFIG: CONFIG}.get(option, option) for option in kedro_run.params]


STOPPED = "Stopped. The same command resumes from the last checkpoint."


@click.command(name="run", cls=Command, stopped=STOPPED, params=[*OPTIONS, ONLY_CHANGED], help=kedro_run.help)
def run(only_changed: bool, **options: Any) -> None:
    """Run pipelines; see ``kedro run --help``."""
    if project.PACKAGE_NAME is None:  # started by tweet-sentiment: no kedro command has set the project up
        project.configure_project("tweet_sentiment")
    if options["pipeline"] and not options["pipelines"]:  # the name of old, which Kedro calls deprecated
        options |= {"pipelines": [options["pipeline"]], "pipeline": None}
    if only_changed and options["runner"]:
        raise StudyError(
            f"--only-changed and --runner={options['runner']} were given together.\n"
            "  Leave one out: --only-changed is a runner of its own, which runs one node after another."
        )
    if only_changed:
        options["runner"] = "tweet_sentiment.incremental.OnlyChanged"
    try:
        kedro_run.callback(**options)  # type: ignore[misc]
    except ValueError as error:  # Kedro's filters find no such node, dataset or tag
        if not str(error).startswith(("Pipeline does not contain", "Pipeline contains no nodes after")):
            raise
        given = {kind: [name for key in keys for name in options[key]] for kind, keys in FILTERS.items()}
        if said := not_contained(given, options["pipelines"] or ["__default__"]):
            raise StudyError(said) from error
        raise


FILTERS = {  # the options that choose nodes, by what they name
    "node or namespace": ("node_names", "from_nodes", "to_nodes", "namespaces"),
    "dataset": ("from_inputs", "to_outputs"),
    "tag": ("tags",),
}


def not_contained(given: dict[str, list[str]], chosen: list[str]) -> str | None:
    """Say of the first name that the chosen pipelines lack where it is, or what has nearly its name."""
    largest_first = sorted(project.pipelines.items(), key=lambda one: -len(one[1].nodes))
    for kind, names in given.items():
        every = {name: _names(pipeline, kind) for name, pipeline in largest_first}
        here = set().union(*(every[name] for name in chosen))
        where = {name: pipeline for pipeline, found in every.items() for name in found}  # the smallest that has it
        for wrong in (name for name in names if name not in here):
            if wrong in where:
                return f"{wrong} is in the pipeline {where[wrong]}: add --pipelines={where[wrong]}."
            near = sorted(name for name in here if name.endswith(f".{wrong}")) or get_close_matches(wrong, where, 3)
            listed = "".join(f"\n    {name}" + f"  (--pipelines={where[name]})" * (name not in here) for name in near)
            return f"There is no {kind} {wrong}." + (f" Did you mean one of these?{listed}" if near else "")
    return None


def _names(pipeline: Pipeline, kind: str) -> set[str]:
    if kind == "dataset":
        return pipeline.datasets()
    if kind == "tag":
        return {tag for node in pipeline.nodes for tag in node.tags}
    return {name for node in pipeline.nodes for name in (node.name, node.namespace) if name}
