"""A record beside each output says what made it; ``--only-changed`` runs what no longer agrees with its record."""

from tweet_sentiment.incremental.plan import OnlyChanged
from tweet_sentiment.incremental.recording import RecordFingerprints

__all__ = ["OnlyChanged", "RecordFingerprints"]
