"""Two drawings of the leak: how many test posts are in training, and accuracy with and without the leak."""

from typing import Any

import pandas as pd

LEFT, RIGHT, ROW, TOP, WIDTH = 190, 40, 30, 64, 860
LOWEST, HIGHEST = 0.3, 1.0
COLOURS = {"published": "#d1495b", "leak_free": "#2e86ab"}
NAMES = {"published": "published protocol: copies of the measured posts are in training", "leak_free": "leak-free"}


def accuracy_picture(comparison: pd.DataFrame) -> str:
    """Return an SVG: a row per technique, the best leak-free one first; a dot and its 95 % interval per protocol.

    Parameters:
        comparison: ``docs/results/comparison.csv``: ``technique``, ``protocol``, ``accuracy``, its interval.
    """
    measured = comparison["measured"].ne(False) if "measured" in comparison else True  # what is expected is no result
    chosen = comparison[comparison["protocol"].isin(COLOURS) & measured]
    best_first = chosen.sort_values(["protocol", "accuracy"], ascending=[True, False], kind="stable")  # leak_free first
    techniques = list(dict.fromkeys(best_first["technique"]))
    height = TOP + ROW * len(techniques) + 34
    parts = [*_legend(), *_axis(height - 34)]
    for row, technique in enumerate(techniques):
        y = TOP + ROW * row + ROW / 2
        parts.append(f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end">{technique.replace("_", " ")}</text>')
        of_technique = chosen[chosen["technique"] == technique]
        parts += [line for _, one in of_technique.iterrows() for line in _dot(one, y)]
    return _svg("Accuracy on 828 test posts under the published and the leak-free protocol", height, parts)


FOUND = {
    "the same tweet id": "id_count",
    "almost the same text": "near_duplicate_count",
    "the same but for case, punctuation": "normalised_text_count",
    "the same, word for word": "text_count",
}


def leak_picture(audit: dict[str, Any]) -> str:
    """Return an SVG: a bar for each way in which test posts are in training, and for the accuracy of a look-up.

    Parameters:
        audit: ``docs/results/audit.json``.
    """
    overlap, probe = audit["overlap"], audit["memorisation"]
    of, red, blue = overlap["posts"], *COLOURS.values()
    bars = [(name, overlap[key] / of, f"{overlap[key]} of {of}", red) for name, key in FOUND.items()]
    parts = [*_bars("The test posts that are in training, with", bars, 0)]
    kept = {"as the files are": ("published", red), "without those posts in training": ("leak_free", blue)}
    bars = [(name, share := probe[key]["accuracy"], f"{share:.2f}", colour) for name, (key, colour) in kept.items()]
    parts += _bars("The accuracy of a look-up: each post gets the label of the most similar training post", bars, 180)
    return _svg(
        f"All {of} test posts are in training; a look-up is right for nearly all, and for half without the leak",
        290,
        parts,
    )


def _bars(title: str, bars: list[tuple[str, float, str, str]], top: int) -> list[str]:
    lines, left, room = [f'<text x="20" y="{top + 26}" font-weight="bold">{title}</text>'], 260, 500
    for y, (name, share, words, colour) in enumerate(bars):
        y = top + 40 + ROW * y
        lines.append(f'<text x="{left - 12}" y="{y + 15}" text-anchor="end">{name}</text>')
        lines.append(f'<rect x="{left}" y="{y}" width="{room}" height="20" fill="#eee"/>')
        lines.append(f'<rect x="{left}" y="{y}" width="{share * room:.1f}" height="20" fill="{colour}"/>')
        lines.append(f'<text x="{left + room + 10}" y="{y + 15}">{words}</text>')
    return lines


def _svg(title: str, height: int, parts: list[str]) -> str:
    style = "font-family:sans-serif;font-size:13px;background:#fff"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" style="{style}">'
    back = f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
    return "\n".join([head, f"<title>{title}</title>", back, *parts, "</svg>"]) + "\n"


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
