"""The ablation of cleaning in words and in one figure; "better" and "worse" stand only where the verdict says so."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from tweet_sentiment.parameters import Study
from tweet_sentiment.reports.figures import FAINT, INK, QUIET, styled, whisker
from tweet_sentiment.scoring.comparison import BETTER, NOT_SHOWN, WORSE, p_words, verdict

from .cleaning import VARIANTS

COSTS = ("published_letters_kept_plain", "published_plain", "none_plain")
STEPS = {("removed", "no"): "Removing stop words", ("kept", "yes"): "Lemmatising", ("removed", "yes"): "Both"}
FAULT = (
    "The published cleaning ends by deleting every w and every s; `published_letters_kept` is the same without that "
    "last step. The published code also leaves the parts of a URL and the words of a hashtag in the post, where the "
    "corrected one takes them out, and parts words at apostrophes: published against corrected is the cost of it all."
)

Row = dict[str, Any]


def found(row: Row, level: float) -> str:
    """Return the verdict on a way against its reference."""
    return verdict(row["difference_low"], row["difference_high"], row["p_adjusted"], level)


def summary_markdown(
    table: pd.DataFrame, example: dict[str, str], run: str, study: Study, checkpoint: str, level: float
) -> str:
    """Write both answers, each with the figures it stands on; ``table`` is of ``cleaning.compare_variants``."""
    rows: list[Row] = [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
    by_name = {row["variant"]: row for row in rows}
    stepped = [row for row in rows if (row["stop_words"], row["lemmas"]) in STEPS]
    sections = [
        "# What cleaning does to accuracy",
        _setting(rows, run, study, checkpoint),
        "## Do stop-word removal and lemmatisation hurt?",
        'The paper says that they do (section "Data collection"). ' + _resolution(stepped, level),
        "\n".join(_answer(steps, stepped, level) for steps in STEPS),
        "Each against the same cleaning without the step:",
        "\n".join(_comparison(row, by_name, level) for row in stepped),
        "## What does the fault of the published cleaning cost?",
        FAULT,
        "\n".join(_comparison(by_name[name], by_name, level) for name in COSTS),
        "## How to read this",
        _reading(rows, level),
        "One post, cleaned each way:",
        "\n".join(["```text", *(f"{name:<32}{text}" for name, text in example.items()), "```"]),
    ]
    return "\n\n".join(sections) + "\n"


def _setting(rows: list[Row], run: str, study: Study, checkpoint: str) -> str:
    n_train, n_validation = rows[0]["n_train"], rows[0]["n_validation"]
    said = (
        f"Run `{run}`, protocol `{study.protocol}`: {len(rows)} ways of cleaning the same {n_train:,} "
        f"training posts, each through the same head (seed {study.seed}) on the frozen encoder "
        f"`{checkpoint}`, measured on the same {n_validation:,} test posts."
    )
    if study.protocol == "published":
        said += " Under this protocol the test posts are known from training: the figures measure memory as well."
    return said


def _resolution(stepped: list[Row], level: float) -> str:
    """Say how small a difference can be seen at all: half the width of the middle one of the paired intervals."""
    half = float(pd.Series([(row["difference_high"] - row["difference_low"]) / 2 for row in stepped]).median())
    return (
        f"With {stepped[0]['n_validation']:,} test posts, the intervals ({level:.0%}) reach about "
        f"{100 * half:.1f} points to either side: a smaller effect would hardly be seen here, even if there is one."
    )


def _answer(steps: tuple[str, str], stepped: list[Row], level: float) -> str:
    """Say in one line what a step does under each cleaning, and whether that is what the paper says."""
    verdicts = {row["cleaning"]: found(row, level) for row in stepped if (row["stop_words"], row["lemmas"]) == steps}
    groups = {
        one: [f"`{cleaning}`" for cleaning, its in verdicts.items() if its == one]
        for one in dict.fromkeys(verdicts.values())
    }
    said = "; ".join(f"{one} under {_listed(cleanings)}" for one, cleanings in groups.items())
    return f"- {STEPS[steps]}: {said}. {_against_paper(set(verdicts.values()))}"


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)


def _against_paper(verdicts: set[str]) -> str:
    if BETTER in verdicts:
        return "That is not what the paper says."
    if verdicts == {WORSE}:
        return "That is what the paper says."
    return "What the paper says holds in part." if WORSE in verdicts else "What the paper says is not shown here."


def _comparison(row: Row, by_name: dict[str, Row], level: float) -> str:
    """Give a way and its reference, their difference in points, how sure it is, and the length of the posts."""
    reference = by_name[row["reference"]]
    interval = f"{100 * row['difference_low']:+.1f} to {100 * row['difference_high']:+.1f}"
    return (
        f"- `{row['variant']}` {row['accuracy']:.3f} against `{reference['variant']}` {reference['accuracy']:.3f}: "
        f"{100 * row['difference']:+.1f} points ({interval}; adjusted p {p_words(row['p_adjusted'])}), with "
        f"{row['mean_word_pieces']:.1f} word pieces a post against {reference['mean_word_pieces']:.1f}: "
        f"**{found(row, level)}**."
    )


def _reading(rows: list[Row], level: float) -> str:
    asked = [row for row in rows if row["reference"] and not pd.isna(row["reference"])]
    tests = " and ".join(sorted({row["test"] for row in asked}))
    emptied = max(rows, key=lambda row: row["empty_after_cleaning"])
    return (
        f"Intervals cover {level:.0%}, by resampling tweet ids, for each comparison alone. The p-values ({tests}) are "
        f"adjusted for all {len(asked)} comparisons (Holm). A difference is named only where its p-value is below "
        f"{1 - level:.2g} and its interval leaves out 0; elsewhere nothing is shown, which is not to say "
        "that there is none. Each way was trained once, with one seed: the intervals are about which posts were "
        "measured, not about the luck of a training. Posts that lose all their text are kept: at most "
        f"{emptied['empty_after_cleaning']:,} of the training posts (`{emptied['variant']}`)."
    )


MARKS = {  # of each kind of way: legend, symbol, grey
    "reference": ("compared with nothing", "diamond", INK),
    NOT_SHOWN: ("no difference to its reference is shown", "circle-open", QUIET),
    WORSE: ("worse than its reference", "triangle-left", INK),
    BETTER: ("better than its reference", "triangle-right", INK),
}


def variants_figure(table: pd.DataFrame, protocol: str, level: float) -> Any:
    """Draw accuracy with its interval, the ways grouped by cleaning; the mark says what the comparison says."""
    ways = {variant.name: f"{variant.cleaning}: {variant.steps}" for variant in VARIANTS}
    kinds = [_kind(row, level) for row in table.to_dict("records")]
    figure = go.Figure()
    for kind, (legend, symbol, grey) in MARKS.items():
        rows = table[[one == kind for one in kinds]]
        if rows.empty:
            continue
        figure.add_scatter(
            x=rows["accuracy"],
            y=rows["variant"].map(ways),
            error_x=whisker(rows["accuracy"], rows["low"], rows["high"]),
            mode="markers",
            name=legend,
            marker={"symbol": symbol, "size": 11, "color": grey},
        )
    for i in range(1, len(ways)):
        if VARIANTS[i].cleaning != VARIANTS[i - 1].cleaning:
            figure.add_hline(i - 0.5, line={"color": FAINT, "width": 1})
    n_validation = table["n_validation"].iloc[0]
    shown = sum(kind in (WORSE, BETTER) for kind in kinds)
    return styled(
        figure,
        f"{shown} of {len(table)} ways of cleaning are shown to differ from their reference ({protocol}, "
        f"{n_validation:,} test posts, {level:.0%} intervals)",
        "One row a way of cleaning, with a mark at its accuracy and a line for its interval; the mark's shape says "
        "whether a difference is shown.",
        xaxis={"title": "accuracy", "tickformat": ".0%"},
        yaxis={"categoryorder": "array", "categoryarray": list(ways.values()), "range": [len(ways) - 0.5, -0.5]},
        height=560,
    )


def _kind(row: dict[Any, Any], level: float) -> str:
    return "reference" if pd.isna(row["p_adjusted"]) else found(row, level)
