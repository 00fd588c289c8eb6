"""One look for every figure: marks differ in darkness and in shape, so that grey print loses nothing."""

from textwrap import wrap
from typing import Any

INK, QUIET, FAINT = "#1f1f1f", "#6e6e6e", "#d4d4d4"
SERIES = ("#08415c", "#b5651d", "#5c8a97", "#1f1f1f", "#8c8c8c", "#c9a66b")  # dark and light in turn
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "solid")
MARKS = {  # of each protocol: colour, symbol
    "leak_free": ("#08415c", "circle"),
    "published": ("#b5651d", "diamond-open"),
    "grouped": ("#5c8a97", "square"),
    "paper": ("#1f1f1f", "x-thin-open"),
}
_LINE = 84  # characters of a title in one line


def styled(figure: Any, finding: str, shows: str, **layout: Any) -> Any:
    """Return the figure with its finding as the title; ``shows`` says in words what is drawn, for who cannot see it.

    Both make the text alternative, kept as ``layout.meta.alt``. ``layout`` is Plotly's.
    """
    lines = wrap(finding, _LINE) or [""]
    legend = {"orientation": "h", "yanchor": "top", "y": -0.18, "x": 0, "font": {"size": 13}}
    return figure.update_layout(
        **{
            "template": "simple_white",
            "title": {"text": "<br>".join(lines), "x": 0.01, "xanchor": "left", "font": {"size": 17, "color": INK}},
            "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
            "legend": legend,
            "colorway": SERIES,
            "margin": {"t": 45 + 22 * len(lines), "l": 70, "r": 30, "b": 60},
            "meta": {"alt": f"{finding.rstrip('.')}. {shows}"},
            **layout,
        }
    )


def whisker(value: Any, low: Any, high: Any) -> dict[str, Any]:
    """Return Plotly's error bar from an interval's ends."""
    ends = {"array": high - value, "arrayminus": value - low}
    return {"type": "data", **ends, "color": QUIET, "thickness": 1.2, "width": 3}


def percent(share: float) -> str:
    """Write a share as per cent with one digit."""
    return f"{share:.1%}"
