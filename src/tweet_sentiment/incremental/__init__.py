"""Do nothing twice: what made each output is written beside it, and ``--only-changed`` runs what is no longer so."""

from tweet_sentiment.incremental.recording import RecordFingerprints
from tweet_sentiment.incremental.runner import OnlyChanged

__all__ = ["OnlyChanged", "RecordFingerprints"]
