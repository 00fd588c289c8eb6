"""The ablation of cleaning in words; "better" and "worse" stand only where the verdict says so."""

from typing import Any

import pandas as pd

from tweet_sentiment.parameters import Study
from tweet_sentiment.reports.tables import listed, rendered
from tweet_sentiment.scoring.comparison import BETTER, WORSE, p_words, verdict

COSTS = ["published_letters_kept_plain", "published_plain", "none_plain", "minimal_plain", "minimal_emoji_named_plain"]
STEPS = {("removed", "no"): "Removing stop words", ("kept", "yes"): "Lemmatising", ("removed", "yes"): "Both"}


def cleaning_summary(
    table: pd.DataFrame, example: dict[str, str], run: str, study: Study, checkpoint: str, level: float
) -> str:
    """Write both answers as Markdown, each with the figures it stands on.

    ``table`` is of ``compare_variants``, ``example`` one post cleaned each way.
    """
    rows = {str(row["variant"]): row for row in judged(table, level).to_dict("records")}
    stepped = [row for row in rows.values() if (row["stop_words"], row["lemmas"]) in STEPS]
    compared = [row for row in rows.values() if row["reference"] and not pd.isna(row["reference"])]
    return rendered(
        "cleaning.md.j2",
        rows=rows,
        stepped=stepped,
        costs=[rows[name] for name in COSTS],
        compared=compared,
        emptied=max(rows.values(), key=lambda row: row["empty_after_cleaning"]),
        half=float(pd.Series([(row["difference_high"] - row["difference_low"]) / 2 for row in stepped]).median()),
        answers=[_answer(steps, stepped) for steps in STEPS],
        first=next(iter(rows.values())),
        example=example,
        run=run,
        study=study,
        checkpoint=checkpoint,
        level=level,
        p_words=p_words,
    )


def judged(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return the ways of cleaning with the ``verdict`` on each against its reference."""
    ends = zip(table["difference_low"], table["difference_high"], table["p_adjusted"], strict=True)
    return table.assign(verdict=[verdict(*one, level) for one in ends])


def _answer(steps: tuple[str, str], stepped: list[dict[Any, Any]]) -> str:
    """Say in one line what a step does under each cleaning, and whether that is what the paper says."""
    verdicts = {row["cleaning"]: row["verdict"] for row in stepped if (row["stop_words"], row["lemmas"]) == steps}
    found = set(verdicts.values())
    under = {
        one: listed([f"`{way}`" for way, its in verdicts.items() if its == one])
        for one in dict.fromkeys(verdicts.values())
    }
    said = "; ".join(f"{one} under {cleanings}" for one, cleanings in under.items())
    if BETTER in found:
        paper = "That is not what the paper says."
    elif WORSE in found:
        paper = "That is what the paper says." if found == {WORSE} else "What the paper says holds in part."
    else:
        paper = "What the paper says is not shown here."
    return f"- {STEPS[steps]}: {said}. {paper}"
