"""The comparison alone, as Markdown."""

from typing import Any

import pandas as pd

from tweet_sentiment.reports.audit import headline
from tweet_sentiment.reports.choice import choices
from tweet_sentiment.reports.tables import SHOWN, comparison_rows, markdown, shown_of


def comparison_markdown(comparison: pd.DataFrame, techniques: list[str], audit: dict[str, Any], run: str) -> str:
    """Write the comparison for a person: the leak, the table, what is missing, and what the protocols mean."""
    leak = [f"The files as they came: {headline(audit)}", ""] if audit else []
    shown = shown_of(comparison, SHOWN)
    lines = [f"# Comparison, run `{run}`", "", *leak, *markdown(shown, comparison_rows(comparison, shown))]
    for sentence in choices(comparison):
        lines += ["", sentence]
    for protocol, rows in comparison.groupby("protocol"):
        if missing := [name for name in techniques if name not in set(rows["technique"])]:
            lines += ["", f"Not run under `{protocol}`: {', '.join(missing)}."]
    first, ids = comparison.iloc[0], audit.get("ids_known", True)
    lines += [
        "",
        f"Encoder: {', '.join(sorted(set(comparison['encoder'])))}. "
        f"Seed: {first['seed']}. Seconds include the one encoding of all posts where a technique uses it. "
        f"Interval: bootstrap over {'tweet ids' if ids else 'posts'}.",
        "",
        " ".join(_meanings(comparison, ids)),
        "",
    ]
    return "\n".join(lines)


def _meanings(comparison: pd.DataFrame, ids: bool) -> list[str]:
    """Say what the protocols that were run mean, and the paper's figures, if they are there."""
    shared = "a tweet id, a text" if ids else "a text"
    meanings = {
        "leak_free": f"`leak_free`: no training post shares {shared} or a near-duplicate text with a test post.",
        "published": "`published`: the paper's protocol, in which they do; its figures measure memory as well.",
    }
    said = [words for protocol, words in meanings.items() if protocol in set(comparison["protocol"])]
    if comparison["paper_accuracy"].notna().any():
        said.append(
            "The paper's own figures (`paper_accuracy`) are of the published protocol and of `distilbert-base-uncased`."
        )
    return said
