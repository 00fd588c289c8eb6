"""The length of the posts, as a figure."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tweet_sentiment.parameters import ModelParameters, Study
from tweet_sentiment.reports.figures import DASHES, QUIET, SERIES, styled


def plot_lengths(
    training_tokens: Any, test_tokens: Any, tokenization_counts: dict[str, Any], model: ModelParameters, study: Study
) -> Any:
    """Draw how many word pieces the posts have, as shares of the posts, up to what the model reads."""
    import plotly.graph_objects as go

    sides = {"training posts": _lengths(training_tokens), "test posts": _lengths(test_tokens)}
    figure = go.Figure()
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
        f"Half of the training posts have at most {median:.0f} word pieces, 95 % at most {most:.0f}; {cut:,} of "
        f"{len(lengths):,} are cut at {longest} ({study.protocol})",
        "Lines: the share of posts by their number of word pieces, training and validation; a dashed line is where "
        "posts are cut.",
        xaxis={"title": "word pieces"},
        yaxis={"title": "share of the posts", "tickformat": ".1%"},
    )


def _lengths(tokens: Any) -> NDArray[np.int64]:
    """Return the number of word pieces of each post, shape (posts,)."""
    return np.fromiter((len(pieces) for pieces in tokens["input_ids"]), dtype=np.int64, count=len(tokens))
