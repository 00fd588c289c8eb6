"""The comparison alone, as Markdown."""

from typing import Any

import pandas as pd

from tweet_sentiment.reports.audit import headline
from tweet_sentiment.reports.tables import SHOWN, comparison_rows, markdown


def comparison_markdown(comparison: pd.DataFrame, techniques: list[str], audit: dict[str, Any], run: str) -> str:
    """Write the comparison for a person: the leak, the table, what is missing, and what the protocols mean."""
    leak = [f"The files as they came: {headline(audit)}", ""] if audit else []
    lines = [f"# Comparison, run `{run}`", "", *leak, *markdown(SHOWN, comparison_rows(comparison))]
    for protocol, rows in comparison.groupby("protocol"):
        for row in rows[rows["selected"]].to_dict("records"):
            lines += ["", f"Chosen under `{protocol}` without a look at these posts: {_choice(row)}."]
        if missing := [name for name in techniques if name not in set(rows["technique"])]:
            lines += ["", f"Not run under `{protocol}`: {', '.join(missing)}."]
    first = comparison.iloc[0]
    lines += [
        "",
        f"Encoder: {', '.join(sorted(set(comparison['encoder'])))}. "
        f"Seed: {first['seed']}. Seconds include the one encoding of all posts where a technique uses it. "
        "Interval: bootstrap over tweet ids.",
        "",
        "`leak_free`: no training post shares a tweet id, a text or a near-duplicate text with a validation post. "
        "`published`: the paper's protocol, in which they do; its figures measure memory as well. The paper's own "
        "figures (`paper_accuracy`) are of the published protocol and of `distilbert-base-uncased`.",
        "",
    ]
    return "\n".join(lines)


def _choice(row: dict[Any, Any]) -> str:
    on_selection = f"{row['selection_accuracy']:.4f} on the training posts held out to choose on"
    return f"{row['technique']}, {on_selection}, {row['accuracy']:.4f} here"
