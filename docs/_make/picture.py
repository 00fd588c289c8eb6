"""The README's picture: each technique's accuracy with and without the leak, as a drawing of lines and dots."""

import pandas as pd

LEFT, RIGHT, ROW, TOP, WIDTH = 190, 40, 30, 64, 860
LOWEST, HIGHEST = 0.3, 1.0
COLOURS = {"published": "#d1495b", "leak_free": "#2e86ab"}
NAMES = {"published": "published protocol: copies of the measured posts are in training", "leak_free": "leak-free"}


def accuracy_picture(comparison: pd.DataFrame) -> str:
    """Return an SVG: a row for each technique, a dot and its 95 % interval for each protocol.

    Parameters:
        comparison: ``docs/results/comparison.csv``: ``technique``, ``protocol``, ``accuracy``, its interval.
    """
    measured = comparison["measured"].ne(False) if "measured" in comparison else True  # what is expected is no result
    chosen = comparison[comparison["protocol"].isin(COLOURS) & measured]
    techniques = list(dict.fromkeys(chosen["technique"]))
    height = TOP + ROW * len(techniques) + 34
    parts = [*_legend(), *_axis(height - 34)]
    for row, technique in enumerate(techniques):
        y = TOP + ROW * row + ROW / 2
        parts.append(f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end">{technique.replace("_", " ")}</text>')
        of_technique = chosen[chosen["technique"] == technique]
        parts += [line for _, one in of_technique.iterrows() for line in _dot(one, y)]
    style = "font-family:sans-serif;font-size:13px;background:#fff"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" style="{style}">'
    title = "<title>Accuracy on 828 test posts under the published and the leak-free protocol</title>"
    return "\n".join([head, title, f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>', *parts, "</svg>"]) + "\n"


def _x(accuracy: float) -> float:
    return round(LEFT + (accuracy - LOWEST) / (HIGHEST - LOWEST) * (WIDTH - LEFT - RIGHT), 1)


def _legend() -> list[str]:
    lines, x = [], LEFT
    for protocol, colour in COLOURS.items():
        lines.append(f'<circle cx="{x}" cy="20" r="5" fill="{colour}"/>')
        lines.append(f'<text x="{x + 12}" y="24">{NAMES[protocol]}</text>')
        x += 440
    return lines


def _axis(bottom: int) -> list[str]:
    lines = []
    for tenth in range(round(LOWEST * 10), round(HIGHEST * 10) + 1):
        x = _x(tenth / 10)
        lines.append(f'<line x1="{x}" y1="{TOP - 8}" x2="{x}" y2="{bottom}" stroke="#ddd"/>')
        lines.append(f'<text x="{x}" y="{bottom + 20}" text-anchor="middle" fill="#555">{tenth / 10:.1f}</text>')
    return lines


def _dot(row: pd.Series, y: float) -> list[str]:
    colour, x = COLOURS[row["protocol"]], _x(row["accuracy"])
    y += -4 if row["protocol"] == "published" else 4
    low, high = _x(row["accuracy_low"]), _x(row["accuracy_high"])
    return [
        f'<line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke="{colour}" stroke-width="2"/>',
        f'<circle cx="{x}" cy="{y}" r="5" fill="{colour}"/>',
    ]
