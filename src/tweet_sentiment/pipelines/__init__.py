"""The pipelines: they wire nodes; they do not import each other."""

from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from typing import Any

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node


def fixed(function: Callable[..., Any], *arguments: Any) -> Callable[..., Any]:
    """Return a node's function with its first arguments bound, under its own name; a closure could not be pickled."""
    return update_wrapper(partial(function, *arguments), function)


def boxed(name: str, nodes: Sequence[Node], shared: set[str], tags: str | Sequence[str]) -> Pipeline:
    """Return nodes in the namespace ``name``; the datasets ``shared`` and all parameters stay outside it."""
    parameters = {one for part in nodes for one in part.inputs if one.startswith("params:")}
    made = shared.intersection(one for part in nodes for one in part.outputs)
    return Pipeline(nodes, namespace=name, inputs=shared - made, outputs=made, parameters=parameters, tags=tags)
