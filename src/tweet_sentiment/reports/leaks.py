"""The leak as a picture: what is known of the test posts, and what knowing is worth."""

from typing import Any

from tweet_sentiment.reports.audit import kinds
from tweet_sentiment.reports.style import INK, MARKS, QUIET, percent, styled


def leaks_figure(audit: dict[str, Any]) -> Any:
    """Draw the share of test posts known from training, by kind, and a look-up's accuracy; audit may be empty."""
    import plotly.graph_objects as go

    if not audit:
        return styled(go.Figure(), "The leakage audit has not been run", "Nothing is drawn.")
    found, probe = audit["overlap"], audit["memorisation"]
    known = {f"they {words.partition(' (')[0]}": found[f"{kind}_share"] for kind, words in kinds(audit).items()}
    looked_up = {
        "a look-up, training posts as they stand": probe["published"]["accuracy"],
        "a look-up, without those that leak": probe["leak_free"]["accuracy"],
        f"always {probe['majority_label']}": probe["majority_share"],
    }
    figure = go.Figure()
    _bars(figure, "test posts known from training", known, MARKS["published"][0], "/")
    _bars(figure, "test posts answered right", looked_up, MARKS["leak_free"][0], "")
    return styled(
        figure,
        _finding(audit),
        "Bars: the share of test posts that are known from training, by kind, and the share that a look-up, "
        "which learns nothing, answers right.",
        xaxis={"range": [0, 1.08], "tickformat": ".0%"},
        yaxis={"autorange": "reversed", "automargin": True},
        height=400,
    )


def _bars(figure: Any, name: str, shares: dict[str, float | None], colour: str, pattern: str) -> None:
    drawn = {words: share for words, share in shares.items() if share is not None}
    figure.add_bar(
        x=list(drawn.values()),
        y=list(drawn),
        text=[percent(share) for share in drawn.values()],
        textposition="outside",
        textfont={"color": INK},
        cliponaxis=False,
        orientation="h",
        name=name,
        marker={"color": colour, "pattern": {"shape": pattern, "fgcolor": "white"}, "line": {"color": QUIET}},
    )


def _finding(audit: dict[str, Any]) -> str:
    before, after = (audit["memorisation"][name]["accuracy"] for name in ("published", "leak_free"))
    if before is not None and after is not None:
        return (
            f"Looking up the most similar training post is right for {percent(before)} of the test posts, "
            f"and for {percent(after)} once what leaks is out"
        )
    return f"{percent(audit['overlap']['any_share'])} of the test posts are known from training"
