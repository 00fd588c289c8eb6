"""Writes what was found: results.json for programs, results.md for people, figure.json for Plotly."""

import json
from pathlib import Path
from statistics import linear_regression
from typing import Any

from benchmarks.machine import RATES, processor
from benchmarks.posts import validation_rows
from benchmarks.ratios import limits, ratios, script_seconds, spread
from benchmarks.runs import Figure, add_run
from benchmarks.tables import BAR_COST, BARS, COMMANDS, LIMIT, NAMES, markdown
from tweet_sentiment.storage import library_versions

KEPT = (
    "rows",
    "rows_per_second",
    "operations",
    "seconds",
    "peak_mb",
    "start_mb",
    "peak_device_mb",
    "wall_seconds",
    "epochs",
)


def write(found: dict[str, Any], folder: Path) -> list[Path]:
    """Write the three files, and add the run to the table of all runs; return their paths."""
    results = summarise(found)
    written = _write(results, folder)
    settings = {key: results["settings"][key] for key in ("threads", "encoder", "posts", "rounds", "load_before")}
    return [*written, add_run(folder, settings, results["settings"]["rates"], targeted(results))]


def targeted(results: dict[str, Any]) -> list[Figure]:
    """Return the figures that have a target and were measured."""
    found = [(NAMES[what], one["median"], one["target"], False) for what, one in results["ratios"].items()]
    found.append((LIMIT, results["limit"]["encode"], 0.5, False))
    found += [(BARS[what], one["median"], BAR_COST, True) for what, one in results["bars"].items()]
    found += [(f"`{name}`, seconds", results["commands"].get(name), most, True) for name, most in COMMANDS.items()]
    return [Figure(*one) for one in found if one[1] is not None]


def add_full(found: dict[str, Any], folder: Path) -> list[Path]:
    """Add our side on all posts, or what of it was measured anew, to the results in ``folder``; return the paths."""
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    before = results["full"] or {"figures": {}, "growth": {"points": []}}
    whole = {"growth": before["growth"]["points"]} | found | {"measured": before["figures"] | found["measured"]}
    return _write(results | {"full": full(whole, results["figures"], results["settings"])}, folder)


def _write(results: dict[str, Any], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "results.json": json.dumps(results, indent=1) + "\n",
        "results.md": markdown(results),
        "figure.json": figure(results).to_json() + "\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def summarise(found: dict[str, Any]) -> dict[str, Any]:
    """Return what stands in results.json."""
    settings, measured = dict(found["settings"]), found["measured"]
    available = settings["available"]
    settings["test_posts"] = validation_rows(settings["posts"], available["training"], available["validation"])
    ours: dict[str, Any] = next((sides["ours"][0] for sides in measured.values()), {})
    precision = ours.get("precision", "fp32")
    settings["precision"] = {"ours": precision, "script": "fp32" if ours.get("device") == "cpu" else "fp16"}
    rates = {key: _spread(found["rates"], key)["median"] for key in RATES if found["rates"]}
    settings |= {"device": ours.get("device"), "processor": processor(), "rates": rates, "versions": library_versions()}
    figures = {
        what: {side: {key: _spread(rounds, key) for key in KEPT if key in rounds[0]} for side, rounds in sides.items()}
        for what, sides in measured.items()
    }
    return {
        "settings": settings,
        "ratios": ratios(measured, settings["posts"], settings["test_posts"], precision),
        "limit": limits(measured, found["matrix"]),
        "figures": figures,
        "growth": growth(found["growth"]),
        "bars": bars(found["bars"]),
        "ladder": found["ladder"],
        "commands": found["commands"],
        "full": None,
    }


def _spread(rounds: list[dict[str, Any]], key: str) -> dict[str, float | None]:
    return spread([one[key] for one in rounds if one[key] is not None])


def bars(found: dict[str, Any]) -> dict[str, Any]:
    """Return of encoding and of a head the spread of the seconds with a progress bar over those without."""
    return {what: spread(found[what]) for what in BARS if found}


def growth(points: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the points, the line through them (fixed seconds, seconds per thousand posts), and how far off they lie.

    ``deviation`` is the largest distance from the line, as a share of the longest time; 0 is exactly linear.
    """
    if len({p["rows"] for p in points}) < 2:
        return {"points": points, "fixed_seconds": None, "seconds_per_thousand": None, "deviation": None}
    xs, ys = [p["rows"] for p in points], [p["seconds"] for p in points]
    line = linear_regression(xs, ys)
    off = max(abs(y - line.intercept - line.slope * x) for x, y in zip(xs, ys, strict=True)) / max(ys)
    return {
        "points": points,
        "fixed_seconds": line.intercept,
        "seconds_per_thousand": 1000 * line.slope,
        "deviation": off,
    }


def full(found: dict[str, Any], figures: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Return our side on all posts, and the script's hours counted from the median of its measured rates."""
    one = found["measured"]
    rows, validation = found["rows"], settings["available"]["validation"]
    rates = {
        what: figures[what]["script"]["rows_per_second"]["median"] for what in ("encode", "head") if what in figures
    }
    counted = {}
    if len(rates) == 2:
        if "encode" in one:
            counted["encode"] = rows / rates["encode"]
        for what in [what for what in ("head", "search") if what in one]:
            counted[what] = script_seconds(one[what]["epochs"], rows, validation, rates["head"], rates["encode"])
    return {
        "rows": rows,
        "figures": one,
        "script_seconds": counted,
        "ratios": {what: seconds / one[what]["seconds"] for what, seconds in counted.items()},
        "growth": growth(found["growth"]),
        "measured": {"ours": True, "script": False},
    }


def figure(results: dict[str, Any]) -> Any:
    """Draw the ratios beside their targets, and the seconds by the number of posts."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    drawn = make_subplots(rows=1, cols=2, subplot_titles=("Times faster than the paper's script", "Encoding and head"))
    shown = {what: one for what, one in results["ratios"].items() if one["median"] is not None}
    names, medians = list(shown), [one["median"] for one in shown.values()]
    ends = {
        "array": [one["max"] - one["median"] for one in shown.values()],
        "arrayminus": [one["median"] - one["min"] for one in shown.values()],
    }
    drawn.add_trace(go.Bar(x=names, y=medians, error_y=ends, name="measured", marker_color="#1b5e7d"), row=1, col=1)
    asked = [one["target"] for one in shown.values()]
    drawn.add_trace(go.Scatter(x=names, y=asked, mode="markers", name="target", marker_symbol="line-ew-open"), 1, 1)
    points = (results["full"] or results)["growth"]["points"]
    xs, ys = [p["rows"] for p in points], [p["seconds"] for p in points]
    drawn.add_trace(go.Scatter(x=xs, y=ys, mode="lines+markers", name="seconds", line_color="#1b5e7d"), row=1, col=2)
    drawn.update_yaxes(type="log", title="ratio", row=1, col=1)
    drawn.update_xaxes(title="posts", row=1, col=2).update_yaxes(title="seconds", row=1, col=2)
    return drawn.update_layout(template="simple_white")
