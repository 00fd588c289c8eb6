"""Parameters, scores and curves as flat names and numbers, as trackers take them."""

import math
import re
from collections.abc import Iterator
from numbers import Real
from typing import Any

import pandas as pd

from tweet_sentiment.provenance import sha256

Point = tuple[str, float, int]
LONGEST_NAME = 250  # of a metric or a parameter, in MLflow


def flat(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each leaf by its full name, ``lora.r``; lists are leaves."""
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def fit(name: str, spaces: bool = False) -> str:
    """Return a name that a store takes, as it is where it can be: labels may be emoji, paths, or very long.

    What is no letter, digit, ``_``, ``-`` or dot (nor a space, where ``spaces`` are taken) becomes its code point, such
    as ``u1f600``. Different names stay different: one that is changed ends in a hash of what it was.
    """
    refused = r"[^\w. -]|^\." if spaces else r"[^\w.-]|^\."
    plain = re.sub(refused, lambda found: f"u{ord(found[0]):x}", name)
    if plain == name and len(name) <= LONGEST_NAME:
        return name
    return f"{plain[: LONGEST_NAME - 9]}-{sha256(name.encode('utf-8', 'surrogatepass'))[:8]}"


def numbers(tree: dict[str, Any]) -> dict[str, float]:
    """Return the finite numbers of a tree by their full names; a truth value is no number."""
    leaves = dict(flat(tree))
    real = {name: float(v) for name, v in leaves.items() if isinstance(v, Real) and not isinstance(v, bool)}
    return {name: value for name, value in real.items() if math.isfinite(value)}


def points(curves: pd.DataFrame) -> Iterator[Point]:
    """Yield name, value and step of all that was measured on the way; several prompts are told apart by number."""
    prompts = {prompt: number for number, prompt in enumerate(curves["prompt"].unique())} if "prompt" in curves else {}
    for row in curves.to_dict("records"):
        prefix = f"prompt_{prompts[row['prompt']]}." if prompts else ""
        named = {str(name): value for name, value in row.items() if name not in ("step", "prompt")}
        for name, value in numbers(named).items():
            yield f"{prefix}{name}", value, int(row["step"])
