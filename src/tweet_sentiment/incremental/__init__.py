"""A record beside each output says what made it; ``--only-changed`` runs nodes whose records have changed."""

from tweet_sentiment.incremental.plan import OnlyChanged
from tweet_sentiment.incremental.recording import RecordFingerprints

__all__ = ["OnlyChanged", "RecordFingerprints"]
