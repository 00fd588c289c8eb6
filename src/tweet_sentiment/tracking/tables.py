"""Parameters, scores and curves as flat names and numbers, as trackers take them."""

import math
from collections.abc import Iterator
from numbers import Real
from typing import Any

import pandas as pd

Point = tuple[str, float, int]


def flat(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each leaf by its full name, ``lora.r``; lists are leaves."""
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


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
