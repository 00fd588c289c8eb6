"""What kedro-viz says of a node: the first line of its function's docstring."""

import inspect
import warnings
from functools import partial
from typing import Any

from kedro.pipeline import Pipeline
from kedro.pipeline.preview_contract import TextPreview


def described(pipeline: Pipeline) -> Pipeline:
    """Return the pipeline with a preview of each node; nothing else of the nodes changes.

    ``preview_fn`` is new in Kedro, which says so by a warning; it is computed when someone looks at the node.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The 'preview_fn' feature is experimental")
        return Pipeline([node._copy(preview_fn=partial(_preview, node.func)) for node in pipeline.nodes])


def description(function: Any) -> str:
    """Return the first line of the docstring, which is a sentence; of partial functions, that of the whole one."""
    return (inspect.getdoc(function) or "").partition("\n")[0]


def _preview(function: Any) -> TextPreview:
    return TextPreview(description(function))
