"""The summary: five answers for who reads no further, none stronger than the intervals and the tests."""

from typing import Any

import pandas as pd

from tweet_sentiment.reports.audit import headline
from tweet_sentiment.reports.choice import MAJORITY, advice, best_of, how_chosen
from tweet_sentiment.reports.inputs import ReportInputs
from tweet_sentiment.reports.tables import fallen, paragraphs
from tweet_sentiment.scoring.comparison import against
from tweet_sentiment.techniques import TECHNIQUES

WIDE = 0.1  # an interval of accuracy that leaves much open
BEST, ACCURACY, BASELINE, LEAK, NEXT = QUESTIONS = (
    "The best model",
    "How often it is right",
    "Against a simple baseline",
    "Do the data leak?",
    "What to do next",
)
SIMPLE = [name for name, one in TECHNIQUES.items() if one.classical and name != MAJORITY]


def summary(inputs: ReportInputs) -> dict[str, str]:
    """Return the answer to each of ``QUESTIONS``, about the protocol without the leak if it was run."""
    comparison = inputs.comparison
    best = best_of(comparison)
    rows = comparison[comparison["protocol"] == best["protocol"]]
    simple = _simple(best, rows)
    differences = inputs.of("differences.csv").get(best["protocol"], pd.DataFrame())
    tested = against(simple, differences, inputs.level).to_dict("index").get(best["technique"], {})
    known: dict[str, Any] = {
        "about": inputs.about,
        "accuracy": dict(zip(rows["technique"], rows["accuracy"], strict=True)),
        "advice": advice(rows, best),
        "falls": fallen(comparison),
        "headline": headline(inputs.audit) if inputs.audit else "",
        "how": how_chosen(best),
        "ran": set(comparison["protocol"]),
    }
    known |= {"best": best, "simple": simple, "tested": tested, "majority": MAJORITY, "wide": WIDE}
    known |= {"level": inputs.level, "run": inputs.run}
    blocks = dict(zip(QUESTIONS, ("best", "accuracy", "baseline", "leak", "next"), strict=True))
    return {question: " ".join(paragraphs(block, **known)) for question, block in blocks.items()}


def _simple(best: dict[Any, Any], rows: pd.DataFrame) -> str:
    """Name the best one if it is a classical model; else the classical one that is the best on the dev split, or ""."""
    if best["technique"] in SIMPLE:
        return str(best["technique"])
    known = rows[rows["technique"].isin(SIMPLE)].fillna({"dev_accuracy": -1.0})
    return next(iter(known.sort_values(["dev_accuracy", "accuracy"], ascending=False)["technique"]), "")
