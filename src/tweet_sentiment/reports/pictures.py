"""The sections of the report that hold figures."""

from collections.abc import Sequence
from typing import Any

from tweet_sentiment.reports.accuracy import accuracy_figure
from tweet_sentiment.reports.figures import cost_figure
from tweet_sentiment.reports.inputs import ReportInputs, Section
from tweet_sentiment.reports.leaks import leaks_figure
from tweet_sentiment.reports.tables import MAIN_PROTOCOLS

_CALIBRATION = (
    "A bar at the diagonal means that posts given this confidence are right this often. LinearSVC and the nearest "
    "neighbour have no probabilities of their own; theirs are a convention."
)
_HONEST = ["leak_free", "grouped", "published"]
_CURVES = "Training loss by step, and what was measured after each epoch on the dev split."


def pictures(material: ReportInputs) -> list[Section]:
    """Return the figures: the study's first, then those of each technique."""
    comparison = material.comparison
    main = comparison[comparison["protocol"].isin(MAIN_PROTOCOLS)]
    leaks = [("The leak", leaks_figure(material.audit))] if material.audit else []
    compared = [("Accuracy by technique and protocol", accuracy_figure(comparison))]
    cost = [("Cost", cost_figure(main))] if len(main) else []
    best, both = honest_keys(material), {"published", "leak_free"} <= set(comparison["protocol"])
    calibrated = _by_key(material.reliabilities, best)
    searched = {f"{key}: {what}": figure for what, key, figure in _searches(material)}
    return [
        Section("Accuracy with the leak and without it" if both else "Accuracy", figures=compared + leaks),
        Section("Accuracy by entity" if material.about.entities else "Accuracy by length", figures=_of_best(material)),
        Section("Cost", figures=cost),
        Section("The posts", figures=_by_key(material.lengths)),
        Section("The search", figures=_by_key(searched)),
        Section("Curves over steps", [_CURVES] * bool(material.curves), figures=_by_key(material.curves, best)),
        Section("Confusion", figures=_by_key(material.confusions, best)),
        Section("Calibration", [_CALIBRATION] * bool(calibrated), figures=calibrated),
    ]


def _searches(material: ReportInputs) -> list[tuple[str, str, Any]]:
    given = (("history", material.histories), ("importance", material.importances))
    return [(what, key, figure) for what, figures in given for key, figure in figures.items()]


def _of_best(material: ReportInputs) -> list[tuple[str, Any]]:
    """Return the figure of the technique that is chosen without the leak."""
    key = next((key for key in honest_keys(material) if key in material.entities), None)
    return [(key, material.entities[key])] if key else []


def honest_keys(material: ReportInputs) -> list[str]:
    """Return "<protocol>/<technique>" of protocols without the leak if any was run.

    What the dev split chooses stands first, that of ``leak_free`` before others; then the rest by falling accuracy.
    """
    comparison = material.comparison
    honest = comparison[comparison["protocol"] != "published"]
    rows = (honest if len(honest) else comparison).sort_values("accuracy", ascending=False)
    rows = rows.sort_values("protocol", key=lambda names: names != "leak_free", kind="stable")
    rows = rows.sort_values("selected", ascending=False, kind="stable")
    return [f"{row['protocol']}/{row['technique']}" for row in rows.to_dict("records")]


def _by_key(figures: dict[str, Any], first: Sequence[str] = ()) -> list[tuple[str, Any]]:
    """Return the figures of protocols that are no folds: in the order of ``first``, then without the leak, by name."""
    rank = {key: i for i, key in enumerate(first)}
    shown = {key: figure for key, figure in figures.items() if key.partition("/")[0] in MAIN_PROTOCOLS}
    return sorted(
        shown.items(),
        key=lambda item: (rank.get(item[0], len(rank)), _HONEST.index(item[0].partition("/")[0]), item[0]),
    )
