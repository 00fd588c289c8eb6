"""The page of pipelines and nodes, from the registry."""

import inspect
from importlib import import_module

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from tweet_sentiment.pipelines.ablation import pipeline as ablation
from tweet_sentiment.techniques import TECHNIQUES

_ABOUT = """# Pipelines and single nodes

Made by `make pages` from the registry. A pipeline includes the data steps that it needs. Add to any command
`--env=kaggle` or `--env=paper` for the real data, `--only-changed` to run only what has changed, or
`--only-missing-outputs` to continue a run that was stopped. A single node reads its inputs from disk, so run its
pipeline once first. It does not run the nodes that read its output: for these, run the pipeline with `--only-changed`.

## Pipelines

| pipeline | what it does | nodes | command |
|---|---|---|---|
"""

_SAID = {
    "__default__": "The whole study: data, four techniques, the classical baselines, the report.",
    "classical": "The four classical baselines.",
    "past_the_paper": "All pipelines that go past the paper.",
    "hyperparameter_search": "Search the paper's space with Optuna, then train with the best values.",
    "technique_search": "Search the hyperparameters of a technique that trains through the encoder.",
}
_EXPERIMENTS = {
    "unfreezing_sweep": ablation.create_unfreezing_sweep,
    "prompt_head_sweep": ablation.create_head_sweep,
    "training_ablation": ablation.create_training_ablation,
    "learning_curve": ablation.create_learning_curve,
    "preprocessing_ablation": ablation.create_preprocessing_ablation,
}


def pipelines_page(pipelines: dict[str, Pipeline]) -> str:
    """Return the page: a row for each pipeline, then a copy-paste command for each node."""
    rows = [f"| `{name}` | {_said(name)} | {len(one.nodes)} | `{_command(name)}` |" for name, one in pipelines.items()]
    return _ABOUT + "\n".join(rows) + "\n\n## Nodes\n" + "".join(_nodes(pipelines))


def _nodes(pipelines: dict[str, Pipeline]) -> list[str]:
    """Return each node once, under the smallest pipeline that has it; shared data steps are under their own."""
    seen: set[str] = set()
    parts = []
    for name, one in sorted(pipelines.items(), key=lambda item: len(item[1].nodes)):
        fresh = [node for node in one.nodes if node.name not in seen]
        seen |= {node.name for node in fresh}
        if fresh:
            rows = "\n".join(_row(node, name, node in pipelines["__default__"].nodes) for node in fresh)
            parts.append(f"\n### {name}\n\n| node | what it does | command |\n|---|---|---|\n{rows}\n")
    return sorted(parts)


def _row(node: Node, pipeline: str, in_default: bool) -> str:
    where = "" if in_default else f" --pipelines={pipeline}"
    name = node.name.split("__")[0]
    return f"| `{name}` | {_first_line(node.func)} | `kedro run{where} --nodes={name}` |"


def _command(pipeline: str) -> str:
    return "kedro run" if pipeline == "__default__" else f"kedro run --pipelines={pipeline}"


def _said(pipeline: str) -> str:
    if pipeline in _SAID:
        return _SAID[pipeline]
    if pipeline in TECHNIQUES:
        return _first_line(inspect.getmodule(TECHNIQUES[pipeline].parameters))
    return _first_line(_EXPERIMENTS.get(pipeline) or import_module(f"tweet_sentiment.pipelines.{pipeline}"))


def _first_line(thing: object) -> str:
    line = (inspect.getdoc(thing) or "").partition("\n")[0]
    return line.replace("``", "`").replace("|", r"\|")
