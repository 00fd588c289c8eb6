"""The study in three sentences: what leaks, what of the accuracy is memory, and which technique is better than which.

None says more than was shown. Memory is spoken of where the intervals with and without the leak lie apart, "better"
where a test with Holm's correction says so.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from tweet_sentiment.reports.audit import headline
from tweet_sentiment.reports.material import Material
from tweet_sentiment.reports.tables import by_protocol, fallen, interval

MEMORY = " Accuracy on them is memory."


def summary(material: Material) -> list[str]:
    """Return the three sentences."""
    return [_leak(material.audit), _memory(material.comparison), _best(material)]


def _leak(audit: dict[str, Any]) -> str:
    if not audit:
        return (
            "The leakage audit has not been run, so it is not known which validation posts stand in the training posts."
        )
    said = headline(audit)
    known = said.removesuffix(MEMORY)
    return f"{known.rstrip('.')}, so that accuracy on them rewards memory." if known != said else said


def _memory(comparison: pd.DataFrame) -> str:
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
        f"copies of the validation posts are out of training; {len(falls)} of {both} techniques fall by more than "
        "their intervals, and the difference is memory, not judgement of new posts."
    )


@dataclass(frozen=True)
class Standing:
    """How the technique of highest accuracy stands to the others, by the tests that were made."""

    better_than: list[str]
    not_shown: list[str]
    not_tested: list[str]


def standing(best: str, others: list[str], differences: pd.DataFrame) -> Standing:
    """Sort the others by what the tests say; ``differences`` has first, second and better, and may be empty."""
    pairs: dict[str, str] = {}
    for row in differences.to_dict("records") if len(differences) else []:
        if best in (row["first"], row["second"]):
            other = row["second"] if row["first"] == best else row["first"]
            pairs[other] = row["better"] if isinstance(row["better"], str) else ""  # "" comes back from CSV as NaN
    return Standing(
        [name for name in others if pairs.get(name) == best],
        [name for name in others if name in pairs and pairs[name] != best],
        [name for name in others if name not in pairs],
    )


def _best(material: Material) -> str:
    comparison = material.comparison
    ran = set(comparison["protocol"])
    protocol = next((name for name in ("leak_free", "grouped") if name in ran), str(comparison["protocol"].iloc[0]))
    rows = comparison[comparison["protocol"] == protocol].sort_values("accuracy", ascending=False).to_dict("records")
    best, others = rows[0], [str(row["technique"]) for row in rows[1:]]
    stands = standing(str(best["technique"]), others, material.differences.get(protocol, pd.DataFrame()))
    ends = interval(best["accuracy_low"], best["accuracy_high"])
    memory = ", which measures memory as well," if protocol == "published" else ""
    said = [
        f"is better than {_listed(stands.better_than)} by a test" if stands.better_than else "",
        f"is not shown to differ from {_listed(stands.not_shown)}" if stands.not_shown else "",
        f"was not tested against {_listed(stands.not_tested)}" if stands.not_tested else "",
    ]
    verdict = _listed(list(filter(None, said))) or "is the only one that was run"
    return (
        f"Under {protocol}{memory} the highest accuracy is {best['accuracy']:.4f} ({ends}, {best['n_validation']:,} "
        f"posts), of {best['technique']}, which {verdict}."
    )


def _listed(items: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))
