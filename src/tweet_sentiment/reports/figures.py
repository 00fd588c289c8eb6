"""The figures of the study, in one style: marks differ in darkness and in shape, so that they can be printed in grey.

Names are on an axis, one row each, and never beside a mark, so that no label covers another.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from textwrap import shorten, wrap
from typing import Any

import numpy as np
import pandas as pd
import yaml

from tweet_sentiment.parameters import ModelParameters, Study, UncertaintyParameters
from tweet_sentiment.reports.choice import PROTOCOL, best_of, cheapest, chosen_row, how_chosen
from tweet_sentiment.reports.findings import kinds
from tweet_sentiment.reports.tables import COSTS, MAIN_PROTOCOLS, fallen
from tweet_sentiment.scoring.comparison import BETTER, DIFFERENCE_ENDS, NOT_SHOWN, WORSE, verdicts
from tweet_sentiment.scoring.uncertainty import (
    calibration_noise,
    confidence_of,
    expected_calibration_error,
    reliability_table,
    right_of,
)

INK, QUIET, FAINT = "#1f1f1f", "#6e6e6e", "#d4d4d4"
FAINT_MARK = "#b08d57"
SMALLEST = {"trainable_parameters": 1.0, "seconds": 0.1, "ms_per_post": 0.001}  # what 0 is drawn at
SERIES = ("#08415c", "#b5651d", "#5c8a97", "#1f1f1f", "#8c8c8c", "#c9a66b")  # dark and light in turn
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "solid")
MARKS = {  # of each protocol: colour, symbol
    "leak_free": ("#08415c", "circle"),
    "published": ("#b5651d", "diamond-open"),
    "grouped": ("#5c8a97", "square"),
    "paper": ("#1f1f1f", "x-thin-open"),
}
WAYS = {  # of cleaning, by verdict: legend, symbol, grey
    "": ("not compared", "diamond", INK),
    NOT_SHOWN: ("no difference to its reference is shown", "circle-open", QUIET),
    WORSE: ("worse than its reference", "triangle-left", INK),
    BETTER: ("better than its reference", "triangle-right", INK),
}
STEPS = {("kept", "no"): "plain", ("removed", "no"): "no stop words", ("kept", "yes"): "lemmas"}
BOTH_STEPS = "no stop words, lemmas"
CURVES = (  # the paper's, in two panels
    {"loss": "training loss", "eval_loss": "evaluation loss"},
    {"accuracy": "accuracy", "f1": "F1", "precision": "precision", "recall": "recall"},
)
_LINE, _NAME, _LEGEND = 84, 24, 20  # characters in a line of a title, of a name on an axis, of a prompt in a legend


@cache
def _looks() -> dict[str, Any]:
    looks: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("figures.yml").read_text(encoding="utf-8"))
    return looks


def styled(figure: Any, name: str, finding: str, told: dict[str, Any] | None = None, **layout: Any) -> Any:
    """Return the figure in the style of ``figures.yml`` under ``name``, with its finding as the title.

    The text alternative, ``layout.meta.alt``, is the finding and the description, in which ``told`` is filled in.
    ``layout.meta.width`` is the least width in pixels that its texts need. ``layout`` is Plotly's.
    """
    look, lines = _looks()[name], wrap(finding, _LINE) or [""]
    alternative = f"{finding.rstrip('.')}. {look['shows'].format(**told or {})}"
    figure.update_traces(cliponaxis=False, selector={"type": "scatter"})
    return figure.update_layout(
        **{
            "template": "simple_white",
            "title": {"text": "<br>".join(lines), "x": 0.01, "xanchor": "left", "font": {"size": 17, "color": INK}},
            "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
            "legend": {"orientation": "h", "yref": "container", "yanchor": "bottom", "y": 0.01, "x": 0},
            "colorway": SERIES,
            "margin": {"t": 45 + 22 * len(lines), "l": 70, "r": 30, "b": 60},
            "meta": {"finding": finding, "alt": alternative, "width": look.get("width", 0)},
            **look.get("layout", {}),
            **layout,
        }
    )


def empty(**panels: Any) -> Any:
    """Return an empty figure; ``panels`` are arguments of ``plotly.subplots.make_subplots``."""
    from plotly.graph_objects import Figure
    from plotly.subplots import make_subplots

    return make_subplots(**panels) if panels else Figure()


def rows_of(names: Sequence[str], **axis: Any) -> dict[str, Any]:
    """Return the layout of a figure with one row per name, the first at the bottom; long names take several lines."""
    texts = [wrap(name, _NAME) or [""] for name in names]
    places = {"tickmode": "array", "tickvals": list(names), "ticktext": ["<br>".join(lines) for lines in texts]}
    order = {"type": "category", "categoryorder": "array", "categoryarray": list(names), "automargin": True}
    return {"yaxis": {**order, **places, **axis}, "height": 190 + sum(10 + 17 * len(lines) for lines in texts)}


def whisker(value: Any, low: Any, high: Any) -> dict[str, Any]:
    """Return Plotly's error bar from an interval's ends."""
    ends = {"array": high - value, "arrayminus": value - low}
    return {"type": "data", **ends, "color": QUIET, "thickness": 1.2, "width": 3}


def interval_of(rows: pd.DataFrame) -> dict[str, Any]:
    """Return Plotly's error bar of the accuracies of a comparison."""
    return whisker(rows["accuracy"], rows["accuracy_low"], rows["accuracy_high"])


def marker_of(protocol: str) -> dict[str, Any]:
    """Return Plotly's marker of a protocol, or of the paper."""
    colour, symbol = MARKS.get(protocol, MARKS["grouped"])
    return {"color": colour, "symbol": symbol, "size": 11, "line": {"width": 2, "color": colour}}


# ---------------------------------------------------------------- of all techniques
def accuracy_figure(comparison: pd.DataFrame) -> Any:
    """Draw accuracy by technique, one mark per protocol with its interval; folds are drawn only if nothing else is."""
    main = comparison[comparison["protocol"].isin(MAIN_PROTOCOLS)]
    rows = main if len(main) else comparison
    honest = rows.assign(honest=rows["protocol"] != "published").sort_values(["honest", "accuracy"])
    order = list(honest.drop_duplicates("technique", keep="last")["technique"])  # from the bottom up
    figure, look = empty(), {"mode": "markers", "hovertemplate": "%{y}: %{x:.4f}"}
    by_protocol = rows.pivot_table(index="technique", columns="protocol", values="accuracy", sort=False)
    if both := {"published", "leak_free"} <= set(by_protocol):
        line = {"color": FAINT, "width": 6}
        for technique, ends in by_protocol[["published", "leak_free"]].dropna().iterrows():
            figure.add_scatter(x=ends, y=[technique] * 2, mode="lines", line=line, showlegend=False, hoverinfo="skip")
    for protocol, mine in rows.groupby("protocol", sort=False):
        marker, error = marker_of(str(protocol)), interval_of(mine)
        figure.add_scatter(x=mine["accuracy"], y=mine["technique"], name=protocol, marker=marker, error_x=error, **look)
    paper = rows.drop_duplicates("technique").dropna(subset=["paper_accuracy"])
    if len(paper):
        name = "the paper, whose protocol leaks"
        figure.add_scatter(
            x=paper["paper_accuracy"], y=paper["technique"], name=name, marker=marker_of("paper"), **look
        )
    more = ", a cross for the paper's accuracy" * bool(len(paper))
    more += ", a line between the accuracy with the leak and without it" * both
    return styled(figure, "accuracy", finding(rows), {"more": more}, **rows_of(order))


def finding(comparison: pd.DataFrame) -> str:
    """Say which technique falls most without the leak, and which one the dev split chooses.

    If none is chosen, the technique with the highest accuracy is named.
    """
    best = best_of(comparison)
    honest = best["protocol"]
    named = "chosen" if best["selected"] else "highest accuracy"
    highest = f"{named} under {honest}: {best['technique']}, {best['accuracy']:.1%}"
    if not (falls := fallen(comparison)):
        said = f"{highest[0].upper()}{highest[1:]}"
        return said if honest != "published" else f"{said}; this also measures memory"
    technique, before, after = falls[0]
    return f"Without the leak {technique} falls from {before:.1%} to {after:.1%}; {highest}"


def frontier_figure(table: pd.DataFrame) -> Any:
    """Draw one row per technique: its accuracy with its interval, then each cost on a logarithmic scale.

    Dark marks are the chosen one and those not shown to be worse; a full mark means that nothing beats it at its cost.
    """
    figure = empty(rows=1, cols=1 + len(COSTS), shared_yaxes=True, horizontal_spacing=0.05)
    colours = table["stands"].map(lambda stands: FAINT_MARK if stands == WORSE else SERIES[0])
    look = {"mode": "markers", "hovertemplate": "%{y}: %{x}<extra></extra>"}
    marker, names = {"size": 10, "color": colours}, table["technique"]
    figure.add_scatter(x=table["accuracy"], y=names, error_x=interval_of(table), marker=marker, row=1, col=1, **look)
    figure.update_xaxes(title="accuracy", tickformat=".0%", nticks=3, row=1, col=1)
    for column, (cost, words) in enumerate(COSTS.items(), start=2):
        full = [words in named.split(", ") for named in table["on_frontier"]]
        marks = marker | {"symbol": ["circle" if one else "circle-open" for one in full], "line": {"width": 2}}
        values = table[cost].astype("float64").clip(lower=SMALLEST[cost])
        decades = np.log10(values.dropna().to_numpy())
        low, high = (np.floor(decades.min()), np.ceil(decades.max())) if len(decades) else (0.0, 1.0)
        ticks = {"tick0": low, "dtick": max(1.0, np.ceil((high - low) / 2)), "range": [low - 0.3, high + 0.3]}
        figure.add_scatter(x=values, y=names, marker=marks, row=1, col=column, **look)
        title = words.replace(" ", "<br>", 1)
        written = "~s" if cost == "trainable_parameters" else "~g"
        figure.update_xaxes(type="log", title=title, tickformat=written, **ticks, row=1, col=column)
    return styled(figure, "frontier", _cheaper(table), **rows_of(list(names)[::-1]))


def _cheaper(table: pd.DataFrame) -> str:
    if table.empty:
        return f"Nothing was run under {PROTOCOL}"
    best, quickest = chosen_row(table), cheapest(table, "ms_per_post")
    if best is None:
        return f"Accuracy against cost ({PROTOCOL}); none is chosen, as none was measured on the dev split"
    title = f"{best['technique']}, {how_chosen(best)}, has {best['accuracy']:.1%} ({PROTOCOL})"
    if quickest is None or quickest["technique"] == best["technique"]:
        return title
    return f"{title}; {quickest['technique']} is faster and not shown to be worse"


def leaks_figure(audit: dict[str, Any]) -> Any:
    """Draw the share of test posts known from training, by kind, and a look-up's accuracy."""
    found, probe = audit["overlap"], audit["memorisation"]
    before, after = (probe[name]["accuracy"] for name in ("published", "leak_free"))
    known = {f"they {words.partition(' (')[0]}": found[f"{kind}_share"] for kind, words in kinds(audit).items()}
    looked_up = {
        "a look-up with all training posts": before,
        "a look-up without those that leak": after,
        f"always {probe['majority_label']}": probe["majority_share"],
    }
    figure = empty()
    for name, shares, protocol, pattern in (
        ("test posts known from training", known, "published", "/"),
        ("test posts answered right", looked_up, "leak_free", ""),
    ):
        drawn = {words: share for words, share in shares.items() if share is not None}
        shape = {"shape": pattern, "fgcolor": "white"}
        figure.add_bar(
            x=list(drawn.values()),
            y=list(drawn),
            text=[f"{share:.1%}" for share in drawn.values()],
            textposition="outside",
            textfont={"color": INK},
            cliponaxis=False,
            orientation="h",
            name=name,
            marker={"color": MARKS[protocol][0], "pattern": shape, "line": {"color": QUIET}},
        )
    said = f"{found['any_share']:.1%} of the test posts are known from training"
    if before is not None and after is not None:
        said = (
            f"Looking up the most similar training post is right for {before:.1%} of the test posts, "
            f"and for {after:.1%} without the posts that leak"
        )
    return styled(figure, "leaks", said, **rows_of([*known, *looked_up], autorange="reversed"))


def learning_figure(table: pd.DataFrame, study: Study) -> Any:
    """Draw the measured accuracies and the fitted law, each with its interval, one colour per technique."""
    figure, found = empty(), []
    for place, (technique, rows) in enumerate(table.groupby("technique", sort=False)):
        known, colour = rows["measured"].astype(bool), SERIES[place % len(SERIES)]
        hollow = {"color": "white", "line": {"color": colour, "width": 2}, "size": 9}
        for part, name, marker in (
            (rows[known], technique, {"color": colour, "size": 9}),
            (rows[~known], f"{technique}, not measured", hollow),
        ):
            look = {"mode": "markers", "name": name, "marker": marker}
            figure.add_scatter(x=part["n_train"], y=part["accuracy"], error_y=interval_of(part), **look)
        for row in rows[~known].to_dict("records"):
            sizes = rows.loc[known, "n_train"]
            along = np.geomspace(float(sizes.min()), float(row["n_train"]), 50)
            error = row["error_floor"] + row["error_excess"] * (along / float(sizes.max())) ** -row["exponent"]
            line = {"color": colour, "dash": "dot"}
            figure.add_scatter(x=along, y=1 - error, mode="lines", line=line, showlegend=False, hoverinfo="skip")
            found.append(f"{technique} {row['accuracy']:.1%}")
    ticks = [int(table["n_train"].max())]
    ticks += [n for n in sorted(table["n_train"].astype(int).unique(), reverse=True) if 1.5 * n < ticks[0]]
    said = f"Expected from all posts: {', '.join(found)} ({study.protocol})"
    return styled(figure, "learning", said).update_xaxes(tickvals=ticks)


def sweep_figure(setting: str, described: str, table: pd.DataFrame, study: Study) -> Any:
    """Draw accuracy on the dev split and, with its interval, on the test posts, by setting.

    ``table`` has ``setting``, ``dev_accuracy``, ``accuracy``, ``low``, ``high``, ``trainable_parameters`` and
    ``seconds``. Under ``published`` the choice is made on the test posts, and the title says so.
    """
    dev = table["dev_accuracy"].astype("float64").fillna(table["accuracy"])
    cost = [f"{row['trainable_parameters']:,} parameters, {row['seconds']:,.0f} s" for row in table.to_dict("records")]
    common = {"x": table[setting].astype(str), "text": cost}
    whole, square = {"color": MARKS["leak_free"][0], "size": 9}, {"symbol": "square", "size": 8}
    error, line = whisker(table["accuracy"], table["low"], table["high"]), {"dash": "dot", "color": MARKS["grouped"][0]}
    figure = empty()
    figure.add_scatter(**common, y=table["accuracy"], error_y=error, name="test posts", marker=whole)
    figure.add_scatter(**common, y=dev, name="dev split", line=line, marker=square)
    figure.update_traces(mode="lines+markers")
    best = table.assign(chosen_by=dev).sort_values("chosen_by", kind="stable").to_dict("records")[-1]
    said = f"Best on the {study.chosen_on}: {best[setting]} {described}, {best['accuracy']:.1%} ({study.protocol})"
    return styled(figure, "sweep", said, {"described": described}).update_xaxes(title=described)


def cleaning_figure(table: pd.DataFrame, study: Study, uncertainty: UncertaintyParameters) -> Any:
    """Draw accuracy with its interval for each way of cleaning; the mark's shape is the verdict of the comparison."""
    steps = [STEPS.get(pair, BOTH_STEPS) for pair in zip(table["stop_words"], table["lemmas"], strict=True)]
    rows = table.assign(
        way=table["cleaning"] + ": " + pd.Series(steps, index=table.index),
        verdict=pd.Series(verdicts(table, uncertainty.level, *DIFFERENCE_ENDS)).where(table["p_adjusted"].notna(), ""),
    )
    figure = empty()
    for kind, (legend, symbol, grey) in WAYS.items():
        mine = rows[rows["verdict"] == kind]
        if len(mine):
            look = {"mode": "markers", "name": legend, "marker": {"symbol": symbol, "size": 11, "color": grey}}
            error = whisker(mine["accuracy"], mine["low"], mine["high"])
            figure.add_scatter(x=mine["accuracy"], y=mine["way"], error_x=error, **look)
    for i in np.flatnonzero(rows["cleaning"].ne(rows["cleaning"].shift()))[1:]:
        figure.add_hline(float(i) - 0.5, line={"color": FAINT, "width": 1})
    return styled(
        figure,
        "cleaning",
        f"{rows['verdict'].isin([WORSE, BETTER]).sum()} of {len(rows)} ways of cleaning are shown to differ from their "
        f"reference ({study.protocol}, {rows['n_validation'].iloc[0]:,} test posts, {uncertainty.level:.0%} intervals)",
        **rows_of(list(rows["way"]), range=[len(rows) - 0.5, -0.5]),
    )


# ---------------------------------------------------------------- of the posts
def plot_lengths(
    training_tokens: Any, test_tokens: Any, tokenization_counts: dict[str, Any], model: ModelParameters, study: Study
) -> Any:
    """Draw the share of posts by number of word pieces, up to what the model reads."""
    sides = {
        side: np.array([len(pieces) for pieces in tokens["input_ids"]], dtype=np.int64)
        for side, tokens in (("training posts", training_tokens), ("test posts", test_tokens))
    }
    figure = empty()
    for i, (side, lengths) in enumerate(sides.items()):
        counts = np.bincount(lengths)
        figure.add_scatter(
            x=np.arange(len(counts)),
            y=counts / max(len(lengths), 1),
            name=side,
            mode="lines",
            line={"shape": "hvh", "color": SERIES[i], "dash": DASHES[i], "width": 2},
            hovertemplate="%{x} word pieces: %{y:.2%}",
        )
    longest = model.max_length
    figure.add_vline(longest, line={"color": QUIET, "dash": "dash"})
    lengths, cut = sides["training posts"], tokenization_counts["training"]["truncated"]
    median, most = (np.percentile(lengths, q) for q in (50, 95)) if len(lengths) else (0, 0)
    return styled(
        figure,
        "lengths",
        f"Half of the training posts have at most {median:.0f} word pieces, 95 % at most {most:.0f}; {cut:,} of "
        f"{len(lengths):,} are cut at {longest} ({study.protocol})",
    )


# ---------------------------------------------------------------- of one technique
def plot_confusion(predictions: pd.DataFrame, study: Study) -> Any:
    """Draw the confusion matrix: true labels as rows, given labels as columns; shares of the row, and counts."""
    from plotly import express
    from sklearn.metrics import confusion_matrix

    labels = study.labels
    counts = confusion_matrix(predictions["label"], predictions["predicted"], labels=labels)
    wrong = counts - np.diag(np.diag(counts))
    true, given = (labels[int(i)] for i in np.unravel_index(wrong.argmax(), wrong.shape))
    worst = f"; most often wrong: {true} taken for {given}, {wrong.max():,} posts" if wrong.max() else ""
    figure = express.imshow(
        counts / counts.sum(axis=1, keepdims=True).clip(1),
        x=labels,
        y=labels,
        zmin=0,
        zmax=1,
        color_continuous_scale="Greys",
        labels={"x": "given", "y": "true", "color": "share"},
        aspect="auto",
    )
    figure.update_traces(text=counts, texttemplate="%{text:,d}")
    rows = rows_of(labels, autorange="reversed", title="true")
    said = f"{right_of(predictions).mean():.1%} of {len(predictions):,} posts right{worst} ({study.protocol})"
    return styled(figure, "confusion", said, **rows | {"height": rows["height"] + 30 * len(labels)})


def plot_curves(curves: pd.DataFrame, study: Study) -> Any:
    """Draw the paper's curves over steps: the losses at the top, the scores after each epoch at the bottom."""
    figure = empty(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    runs = list(curves.groupby("prompt", sort=False)) if "prompt" in curves else [("", curves)]
    for i, (run, rows) in enumerate(runs):
        for place, names in enumerate(CURVES, start=1):
            for j, (name, words) in enumerate((name, words) for name, words in names.items() if name in rows):
                measured = rows.dropna(subset=[name])
                line = {"color": SERIES[(j + 2 * i) % len(SERIES)], "dash": DASHES[j], "width": 2}
                label = f"{words} · {shorten(f'{i + 1}. {run!s}', _LEGEND, placeholder='…')}" if run else words
                figure.add_scatter(
                    x=measured["step"], y=measured[name], name=label, line=line, mode="lines+markers", row=place, col=1
                )
    measured_on = curves["measured_on"].iloc[0]
    said = f"{_turning(curves, measured_on)} ({study.protocol})"
    return styled(figure, "curves", said, {"measured_on": measured_on}, height=480 + 24 * len(figure.data))


def _turning(curves: pd.DataFrame, measured_on: str) -> str:
    """Say where accuracy is highest, and where the evaluation loss is lowest: after that a model overfits."""
    measured = curves.reindex(columns=["step", "accuracy", "eval_loss"]).astype("float64").set_index("step")
    accuracy, loss = (measured[name].dropna() for name in ("accuracy", "eval_loss"))
    if accuracy.empty:
        return "Nothing was measured during training"
    last = accuracy[::-1].idxmax()
    said = f"Accuracy on the {measured_on} is highest at step {last:,.0f}, {accuracy.max():.1%}"
    return said if loss.empty else f"{said}; the loss is lowest at step {loss.idxmin():,.0f}"


def plot_reliability(predictions: pd.DataFrame, study: Study) -> Any:
    """Draw accuracy by confidence, and below it the number of posts; a calibrated technique is on the diagonal."""
    confidence, right = confidence_of(predictions, study.labels), right_of(predictions)
    table = reliability_table(confidence, right)
    error, noise = expected_calibration_error(confidence, right), calibration_noise(confidence, study.seed)
    figure = empty(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.7, 0.3])
    hover = "confidence %{customdata[0]:.3f}, accuracy %{customdata[1]:.3f}, %{customdata[2]:,d} posts<extra></extra>"
    for row, column, colour in ((1, "accuracy", "#a9a9a9"), (2, "posts", SERIES[0])):
        figure.add_bar(
            x=(table["low"] + table["high"]) / 2,
            y=table[column],
            width=table["high"] - table["low"],
            customdata=table[["confidence", "accuracy", "posts"]],
            hovertemplate=hover,
            marker={"color": colour, "line": {"color": "white", "width": 1}},
            name=column,
            showlegend=False,
            row=row,
            col=1,
        )
    line = {"color": INK, "dash": "dot"}
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=line, name="accuracy equals confidence", row=1, col=1)
    said = f"Mean confidence {confidence.mean():.0%}, accuracy {right.mean():.0%}"
    return styled(figure, "reliability", f"{said} (ECE {error:.3f}, by chance {noise:.3f}, {study.protocol})")


def plot_entities(table_of_accuracy_by_group: pd.DataFrame, study: Study, uncertainty: UncertaintyParameters) -> Any:
    """Draw accuracy by entity with its interval, and that on all posts; without entities, by length in words."""
    grouping = "entity" if (table_of_accuracy_by_group["grouping"] == "entity").any() else "length"
    rows = table_of_accuracy_by_group[table_of_accuracy_by_group["grouping"] == grouping]
    rows = rows.sort_values("accuracy") if grouping == "entity" else rows.iloc[::-1]
    overall = rows["right"].sum() / rows["posts"].sum()
    apart = int(((rows["wilson_low"] > overall) | (rows["wilson_high"] < overall)).sum())
    error = whisker(rows["accuracy"], rows["wilson_low"], rows["wilson_high"])
    look = {"mode": "markers", "marker": {"color": SERIES[0], "size": 9}, "showlegend": False}
    hover = {"text": rows["posts"].astype("str"), "hovertemplate": "%{y}: %{x:.3f} of %{text} posts"}
    figure = empty()
    figure.add_scatter(x=rows["accuracy"], y=rows["group"], error_x=error, **look, **hover)
    figure.add_vline(overall, line={"color": QUIET, "dash": "dot"})
    return styled(
        figure,
        "entities",
        f"The intervals of {apart} of {len(rows)} {'entities' if grouping == 'entity' else 'lengths'} exclude the "
        f"{overall:.1%} of all posts; by chance alone {(1 - uncertainty.level) * len(rows):.1f} would "
        f"({study.protocol})",
        {"grouping": grouping},
        **rows_of(list(rows["group"].astype(str)), title="words in a post" if grouping == "length" else None),
    )
