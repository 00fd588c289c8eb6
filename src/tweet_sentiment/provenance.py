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
