"""What travels with every result: seed, parameters, data hashes, versions, device."""

import hashlib
import json
import platform
from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel

PACKAGES = (
    *("torch", "transformers", "tokenizers", "accelerate", "peft", "optuna", "datasets", "scikit-learn", "joblib"),
    *("statsmodels", "scipy", "pandas", "pyarrow", "numpy", "nltk", "rapidfuzz", "jinja2", "plotly"),
    *("kedro", "kedro-datasets"),
)


@cache
def library_versions() -> dict[str, str]:
    """Return the versions of Python and of every library that computes or writes results."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def sha256(content: bytes) -> str:
    """Return the hash as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def fingerprint(*parts: Any) -> str:
    """Return 16 hexadecimal digits that change when any of the parts does; parts are models, or fit into JSON."""
    plain = [part.model_dump() if isinstance(part, BaseModel) else part for part in parts]
    return sha256(json.dumps(plain, sort_keys=True, default=str).encode())[:16]


def manifest(
    technique: str,
    parameters: Any,
    row_counts: dict[str, Any],
    figures: dict[str, Any],
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what stands in a model folder's ``manifest.json``: where the model comes from, and how good it was.

    ``row_counts`` is data_processing's, with the hash of each file; ``figures`` is what training says of itself;
    ``input`` is all that whoever uses the model must know to make its input of a text; it and ``encoder`` are taken
    from ``figures`` where they stand there. ``settings`` are the parameters that the model depends on: if not given,
    all decisive ones and the technique's own. Others are not looked at, so that they can change without a new model.
    """
    if settings is None:
        settings = parameters.decisive() | parameters.model_dump(include={technique})
    return {
        "technique": technique,
        "protocol": parameters.protocol,
        **({} if "encoder" in figures else {"encoder": parameters.model.checkpoint}),
        "labels": parameters.labels,
        "seed": parameters.seed,
        "data": row_counts["files"],
        "n_train": row_counts["training_posts"],
        **({} if "input" in figures else {"input": _input(parameters, figures)}),
        **figures,
        "parameters": settings,
        "versions": library_versions(),
    }


def _input(parameters: Any, figures: dict[str, Any]) -> dict[str, Any]:
    settings = parameters.input_settings(figures.get("second_segment"))
    return dict(settings.model_dump())
