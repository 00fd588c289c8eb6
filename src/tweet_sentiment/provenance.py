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
    technique: str, study: Any, row_counts: dict[str, Any], figures: dict[str, Any], parameters: dict[str, Any]
) -> dict[str, Any]:
    """Return what stands in a model folder's ``manifest.json``: where the model comes from, and how good it was.

    ``row_counts`` is data_processing's, with the hash of each file and the parameters of the data; ``figures`` is what
    the training says of itself, with ``input``; ``parameters`` are the sections of conf that the model depends on
    beside the study's and the data's.
    """
    return {
        "technique": technique,
        "protocol": study.protocol,
        "labels": study.labels,
        "seed": study.seed,
        "data": row_counts["files"],
        "n_train": row_counts["training_posts"],
        **figures,
        "parameters": {**study.model_dump(), **row_counts["parameters"], **parameters},
        "versions": library_versions(),
    }


def input_settings(
    row_counts: dict[str, Any], max_length: int | None, second_segment: str | None = None
) -> dict[str, Any]:
    """Return all that whoever uses a model must know to make its input of a text, for its manifest."""
    from tweet_sentiment.parameters import InputSettings

    data = row_counts["parameters"]["data"]
    cleaning = {name: data[name] for name in ("cleaning", "remove_stop_words", "lemmatize")}
    return InputSettings(**cleaning, max_length=max_length, second_segment=second_segment).model_dump()
