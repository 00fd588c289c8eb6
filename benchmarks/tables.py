"""results.md: the issue's targets beside what was measured, misses as misses."""

from typing import Any

from benchmarks.machine import described

NAMES = {
    "encode": "encoding posts once",
    "head": "training a head for 8 epochs, encoding included",
    "search": "search, encoding included",
    "prompt_tuning": "prompt tuning, rows/s through the encoder",
    "prompts": "prompt tuning of all hard prompts, side by side",
    "full_fine_tuning": "full fine-tuning, rows/s through the encoder",
    "memory": "peak memory of any of these (script's over ours)",
}
COMMANDS = {"kedro registry list": 1.2, "kedro run": 90.0}  # seconds at most
LIMIT = "encoding: share of the machine's limit"
BARS = {
    "encode": "encoding: seconds with a progress bar over those without",
    "head": "a head of 80 epochs: seconds with a progress bar over those without",
}
BAR_COST = 1.02  # more could be measured from one run to the next
SEARCH_MINUTES = 13
Row = list[str]


def markdown(results: dict[str, Any]) -> str:
    """Return the whole page."""
    parts = [_head(results), _targets(results)]
    if results["full"]:
        parts.append(_full(results["full"]))
    parts += [_figures(results), _growth((results["full"] or results)["growth"])]
    if results["ladder"]:
        parts.append(_ladder(results))
    return "\n\n".join(part for part in parts if part) + "\n"


def table(header: Row, rows: list[Row]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, ["---"] * len(header), *rows])


def _head(results: dict[str, Any]) -> str:
    s = results["settings"]
    return (
        "# Beside the paper's script\n\n"
        f"{s['posts']:,} {s['data']} posts, {s['test_posts']} to evaluate on; encoder `{s['encoder']}`, seed "
        f"{s['seed']}, {s['threads']} threads, device {s['device']}; ours in {s['precision']['ours']}, the script in "
        f"{s['precision']['script']}; {s['rounds']} rounds in turns, each measurement in a process of its own. "
        "Loading and tokenizing are in neither side's time; the script's checkpoints are not in its. "
        f"{described(s)}Written by `python -m benchmarks.run`; figures with all digits in `results.json`, a Plotly "
        "figure in `figure.json` (`plotly.io.read_json`)."
    )


def _targets(results: dict[str, Any]) -> str:
    rows = []
    for what, one in results["ratios"].items():
        found = "not run" if one["median"] is None else f"{one['median']:.1f} ({one['min']:.1f} to {one['max']:.1f})"
        rows.append([NAMES[what], f">= {one['target']:g}", found, _met(one["median"], one["target"]), one["how"]])
    limit = results["limit"]
    share = "not run" if limit["encode"] is None else f"{limit['encode']:.2f}"
    how = "operations the posts need per second, over that of bare matrix products"
    rows.append([LIMIT, ">= 0.5", share, _met(limit["encode"], 0.5), how])
    for what, one in results["bars"].items():
        found = f"{one['median']:.3f} ({one['min']:.3f} to {one['max']:.3f})"
        rows.append([BARS[what], f"< {BAR_COST:g}", found, _below(one["median"], BAR_COST), "in turns, in a terminal"])
    for command, most in COMMANDS.items():
        seconds = results["commands"].get(command)
        found = "not run" if seconds is None else f"{seconds:.2f} s"
        rows.append([f"`{command}`", f"< {most:g} s", found, _below(seconds, most), "wall time, imports included"])
    return table(["what", "target", "median (min to max)", "met", "how"], rows)


def _met(value: float | None, target: float) -> str:
    return "-" if value is None else "yes" if value >= target else "**no**"


def _below(value: float | None, most: float) -> str:
    return "-" if value is None else "yes" if value < most else "**no**"


def _full(full: dict[str, Any]) -> str:
    rows = []
    for what, ratio in full["ratios"].items():
        one, counted = full["figures"][what], full["script_seconds"][what]
        rows.append([NAMES[what], _seconds(one["seconds"]), _seconds(counted), f"{ratio:.0f}", f"{one['peak_mb']:.0f}"])
    costs = table(["what", "ours", "script (counted)", "ratio", "peak MB, ours"], rows)
    return f"## Our side on all {full['rows']:,} posts\n\n{costs}{_search(full['figures'].get('search'))}"


def _search(search: dict[str, Any] | None) -> str:
    if search is None:
        return ""
    wall = search["wall_seconds"] / 60
    return (
        f"\n\nThe search: {search['trials']} trials, {search['pruned']} pruned, {search['epochs']} epochs; "
        f"{wall:.1f} minutes from start to end of its process (target: under {SEARCH_MINUTES}; "
        f"met: {_below(wall, SEARCH_MINUTES)})."
    )


def _seconds(value: float) -> str:
    return f"{value:.0f} s" if value < 7200 else f"{value / 3600:.1f} h"


def _figures(results: dict[str, Any]) -> str:
    rows = [
        [
            NAMES[what].split(",")[0],
            side,
            f"{one['rows_per_second']['median']:,.0f}",
            _operations(one),
            f"{one['peak_mb']['median']:,.0f}",
        ]
        for what, sides in results["figures"].items()
        for side, one in sides.items()
    ]
    return "## What was measured\n\n" + table(["what", "side", "rows/s", "GFLOP/s", "peak MB"], rows)


def _operations(figures: dict[str, Any]) -> str:
    """Return the operations that the posts need, per second."""
    needed = figures.get("operations")
    return "-" if needed is None else f"{needed['median'] / figures['seconds']['median'] / 1e9:,.0f}"


def _growth(growth: dict[str, Any]) -> str:
    points = growth["points"]
    if growth["deviation"] is None:
        return ""
    xs, ys = ", ".join(f'"{p["rows"]:,.0f}"' for p in points), ", ".join(f"{p['seconds']:.2f}" for p in points)
    per = [[f"{p['rows']:,.0f}", f"{p['seconds']:.2f}", f"{p['peak_mb']:,.0f}"] for p in points]
    return (
        f"## Growth\n\nEncoding and a head of 8 epochs: {growth['fixed_seconds']:.1f} s, and "
        f"{growth['seconds_per_thousand']:.2f} s a thousand posts; the times lie at most "
        f"{growth['deviation']:.1%} of the longest off that line.\n\n"
        + table(["posts", "seconds", "peak MB"], per)
        + f'\n\n```mermaid\nxychart-beta\n  x-axis "posts" [{xs}]\n  y-axis "seconds"\n  bar [{ys}]\n```'
    )


def _ladder(results: dict[str, Any]) -> str:
    ladder = results["ladder"]
    rows = [["encode", name, _rate(rate)] for name, rate in ladder["encoder"]["rungs"].items()]
    rows += [["head alone", name, _rate(rate)] for name, rate in ladder["head"]["rungs"].items()]
    for what in ("prompt_tuning", "full_fine_tuning"):
        sides = results["figures"].get(what, {})
        if "script" in sides:
            rows.append([what, "padded to 128, fp32 (the script)", _rate(sides["script"]["rows_per_second"]["median"])])
        rows.append([what, "batches of like lengths, fp32", _rate(ladder[what]["rows_per_second"])])
        if "ours" in sides:
            name = f"precision {results['settings']['precision']['ours']}"
            rows.append([what, name, _rate(sides["ours"]["rows_per_second"]["median"])])
    said = "Each line has what the lines above it have, but for those tried and not taken."
    return f"## What each measure gave\n\n{said}\n\n" + table(["what", "measure", "rows/s"], rows)


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
