"""The baseline: everything frozen, an untrained head, evaluated only (paper, section "Model choice")."""

from tweet_sentiment.parameters import Strict


class Parameters(Strict):
    """The baseline trains nothing, so there is nothing to choose."""
