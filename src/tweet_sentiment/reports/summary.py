"""The study in three sentences: what leaks, what of the accuracy is memory, and how the chosen technique stands.

None says more than was shown. Memory is spoken of where the intervals with and without the leak lie apart, "better"
where a test with Holm's correction says so.
"""

from typing import Any

import pandas as pd

from tweet_sentiment.reports.audit import headline
from tweet_sentiment.reports.choice import how_chosen
from tweet_sentiment.reports.inputs import ReportInputs
from tweet_sentiment.reports.tables import by_protocol, fallen, interval
from tweet_sentiment.scoring.comparison import BETTER, NOT_SHOWN, WORSE, against

MEMORY = " Accuracy on them is memory."


def summary(material: ReportInputs) -> list[str]:
    """Return the three sentences."""
    return [_leak(material.audit), *_memory(material), _best(material)]


def _leak(audit: dict[str, Any]) -> str:
    if not audit:
        return "The leakage audit has not been run, so it is not known which test posts stand in the training posts."
    said = headline(audit)
    known = said.removesuffix(MEMORY)
    return f"{known.rstrip('.')}, so that accuracy on them rewards memory." if known != said else said


def _memory(material: ReportInputs) -> list[str]:
    """Say what of the accuracy is memory. Of data that are not the paper's nothing is said where that was not asked."""
    comparison = material.comparison
    asked = {"published", "leak_free"} <= set(comparison["protocol"])
    return [_fall(comparison)] if asked or material.about.paper else []


def _fall(comparison: pd.DataFrame) -> str:
    both = sum({"published", "leak_free"} <= rows.keys() for rows in by_protocol(comparison).values())
    if not both:
        ran = list(dict.fromkeys(comparison["protocol"]))
        other = "leak_free" if "published" in ran else "published"
        return (
            f"No technique was run both with the leak and without it (only: {', '.join(ran)}), so no fall can be "
            f"measured here; kedro run --params=protocol={other} runs the other."
        )
    if not (falls := fallen(comparison)):
        return f"Without the leak none of the {both} techniques that were run with it falls by more than its intervals."
    name, published, left = falls[0]
    return (
        f"{name} scores {published['accuracy']:.4f} under the published protocol and {left['accuracy']:.4f} once the "
        f"copies of the test posts are out of training; {len(falls)} of {both} techniques fall by more than "
        "their intervals, and the difference is memory, not judgement of new posts."
    )


def standing(name: str, others: list[str], differences: pd.DataFrame, level: float) -> dict[str, list[str]]:
    """Sort the others by how ``name`` stands to them by the tests; "" for those that were not tested."""
    found = dict(against(name, differences, level)["verdict"])
    flipped: dict[str, str] = {BETTER: WORSE, WORSE: BETTER}  # theirs is of the other one
    sorted_in: dict[str, list[str]] = {}
    for other in others:
        theirs = str(found.get(other, ""))
        sorted_in.setdefault(flipped.get(theirs, theirs), []).append(other)
    return sorted_in


def _best(material: ReportInputs) -> str:
    """Say how the row that was chosen on the dev split stands; where there is none, the highest accuracy."""
    comparison = material.comparison
    ran = set(comparison["protocol"])
    protocol = next((name for name in ("leak_free", "grouped") if name in ran), str(comparison["protocol"].iloc[0]))
    rows = comparison[comparison["protocol"] == protocol].sort_values("accuracy", ascending=False).to_dict("records")
    chosen = next((row for row in rows if row["selected"]), None)
    best = chosen or rows[0]
    others = [str(row["technique"]) for row in rows if row is not best]
    stands = standing(
        str(best["technique"]), others, material.differences.get(protocol, pd.DataFrame()), material.level
    )
    ends = interval(best["accuracy_low"], best["accuracy_high"])
    known = f"{best['accuracy']:.4f} ({ends}, {best['n_validation']:,} posts)"
    said = [
        f"is better than {_listed(stands[BETTER])} by a test" if BETTER in stands else "",
        f"is worse than {_listed(stands[WORSE])} by a test" if WORSE in stands else "",
        f"is not shown to differ from {_listed(stands[NOT_SHOWN])}" if NOT_SHOWN in stands else "",
        f"was not tested against {_listed(stands[''])}" if "" in stands else "",
    ]
    verdict = _listed(list(filter(None, said))) or "is the only one that was run"
    if chosen:
        named = f"{best['technique']} is {how_chosen(best)}"
        return f"Under {protocol} {named}; its accuracy is {known}, and it {verdict}."
    memory = ", which measures memory as well," if protocol == "published" else ""
    return f"Under {protocol}{memory} the highest accuracy is {known}, of {best['technique']}, which {verdict}."


def _listed(items: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))
