"""The pipelines against the ones that are written down: names, and each node's inputs, outputs and tags.

Where they change on purpose, write them down anew: ``python -m tests.test_registry``.
"""

import json
import pickle
from pathlib import Path

from tweet_sentiment.pipeline_registry import register_pipelines

FILE = Path(__file__).with_name("registry.json")


def registry() -> dict[str, dict]:
    """Return each pipeline's nodes by name, and what each node reads, writes and is tagged with."""
    pipelines = register_pipelines()
    nodes = {node.name: node for pipeline in pipelines.values() for node in pipeline.nodes}
    return {
        "pipelines": {name: sorted(node.name for node in pipeline.nodes) for name, pipeline in pipelines.items()},
        "nodes": {
            name: {"inputs": node.inputs, "outputs": node.outputs, "tags": sorted(node.tags)}
            for name, node in sorted(nodes.items())
        },
    }


def as_lines(kinds: dict[str, dict]) -> str:
    """Return JSON with a line per pipeline and a line per node."""
    parts = (
        f'"{kind}": {{\n' + ",\n".join(f'"{name}": {json.dumps(one)}' for name, one in named.items()) + "\n}"
        for kind, named in kinds.items()
    )
    return "{" + ",\n".join(parts) + "}\n"


def test_pipelines_and_nodes_are_those_written_down():
    assert registry() == json.loads(FILE.read_text(encoding="utf-8")), __doc__


def test_a_node_takes_the_sections_that_it_reads_and_can_be_handed_to_another_process():
    for node in {node for pipeline in register_pipelines().values() for node in pipeline.nodes}:
        assert "parameters" not in node.inputs, node.name
        pickle.dumps(node.func)


if __name__ == "__main__":
    FILE.write_text(as_lines(registry()), encoding="utf-8")
