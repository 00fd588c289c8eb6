"""From what was measured to what is reported: ratios, what was counted, what was met. Pure dtype."""

from statistics import median
from typing import Any

Rounds = list[dict[str, Any]]
Measured = dict[str, dict[str, Rounds]]  # what -> side -> one dictionary of figures a round

HEAD_EPOCHS = 8
RATES = ("encode", "prompt_tuning", "full_fine_tuning")
WHAT = ("encode", "head", "search", "prompt_tuning", "prompts", "full_fine_tuning", "memory")
HOW = {
    "encode": "both ran on all posts; rows per second",
    "head": "script: its measured rows per second, counted up to 8 epochs with evaluation; ours: ran whole",
    "search": "script: its measured rows per second, counted up to the epochs that our trials ran; ours: ran whole",
    "prompt_tuning": "both ran; rows per second through the encoder while training",
    "prompts": "script: its measured rows per second of one prompt; ours: all three ran whole, with their evaluation",
    "full_fine_tuning": "both ran; rows per second through the encoder while training",
    "memory": "the script's peak over ours, the worst of all that both ran",
}
COUNTED = ("head", "search", "prompts")


def targets(precision: str) -> dict[str, float]:
    """Return the least ratio asked for: encoding by whether the run had half precision."""
    fast = 10.0 if precision in ("bf16", "fp16") else 4.0
    return {
        "encode": fast,
        "head": 90.0,
        "search": 600.0,
        "prompt_tuning": 6.0,
        "prompts": 6.0,
        "full_fine_tuning": 6.0,
        "memory": 1.0,
    }


def spread(values: list[float]) -> dict[str, float | None]:
    """Return median, min and max; all None of nothing."""
    if not values:
        return {"median": None, "min": None, "max": None}
    return {"median": median(values), "min": min(values), "max": max(values)}


def script_seconds(epochs: int, rows: int, validation_rows: int, training: float, evaluation: float) -> float:
    """Return what ``epochs`` of the script take: training rows, then validation rows, each at its rate (rows/s).

    Its loading, tokenizing and checkpoints are left out, in its favour.
    """
    return epochs * (rows / training + validation_rows / evaluation)


def ratios(measured: Measured, rows: int, validation_rows: int, precision: str) -> dict[str, dict[str, Any]]:
    """Return for each of ``WHAT`` the spread of ours against the script over the rounds, its target, and how it came.

    ``measured`` is true where both sides ran whole, false where the script's part is counted or it was not run.
    """
    found: dict[str, list[float]] = {what: _rate_ratios(measured, what) for what in RATES}
    found["head"] = _counted_ratios(measured, "head", rows, validation_rows)
    found["search"] = _counted_ratios(measured, "search", rows, validation_rows)
    found["prompts"] = _rate_ratios(measured, "prompts", "prompt_tuning")
    found["memory"] = _memory_ratios(measured)
    asked = targets(precision)
    return {
        what: {
            **spread(found[what]),
            "target": asked[what],
            "measured": bool(found[what]) and what not in COUNTED,
            "how": HOW[what] if found[what] else "not run",
        }
        for what in WHAT
    }


def _side(measured: Measured, what: str, side: str) -> Rounds:
    return measured.get(what, {}).get(side, [])


def _rate_ratios(measured: Measured, what: str, of_script: str = "") -> list[float]:
    pairs = zip(_side(measured, what, "ours"), _side(measured, of_script or what, "script"), strict=not of_script)
    return [ours["rows_per_second"] / script["rows_per_second"] for ours, script in pairs]


def _counted_ratios(measured: Measured, what: str, rows: int, validation_rows: int) -> list[float]:
    rounds = (_side(measured, what, "ours"), _side(measured, "head", "script"), _side(measured, "encode", "script"))
    return [
        script_seconds(
            ours["epochs"], rows, validation_rows, training["rows_per_second"], evaluation["rows_per_second"]
        )
        / ours["seconds"]
        for ours, training, evaluation in zip(*rounds, strict=False)
    ]


def _memory_ratios(measured: Measured) -> list[float]:
    """Return each round's worst ratio; a search of the script's takes what its head takes: it trains one per trial."""
    worst: list[float] = []
    for what, sides in measured.items():
        script = sides.get("script") or (_side(measured, "head", "script") if what == "search" else [])
        each = [
            theirs["peak_mb"] / ours["peak_mb"] for ours, theirs in zip(sides.get("ours", []), script, strict=False)
        ]
        worst = [min(pair) for pair in zip(worst, each, strict=True)] if worst and each else worst or each
    return worst


def limits(measured: Measured, matrix: Rounds) -> dict[str, Any]:
    """Return ``encode``: the share of the machine's matrix-product rate that encoding reaches, and its parts."""
    rounds = list(zip(_side(measured, "encode", "ours"), matrix, strict=False))
    shares = [ours["operations"] / ours["seconds"] / one["operations_per_second"] for ours, one in rounds]
    found = spread(shares)
    return {
        "encode": found["median"],
        "encode_min": found["min"],
        "encode_max": found["max"],
        "target": 0.5,
        "measured": bool(shares),
        "operations": rounds[0][0]["operations"] if rounds else None,
        "matrix_products_per_second": spread([one["operations_per_second"] for _, one in rounds])["median"],
    }
