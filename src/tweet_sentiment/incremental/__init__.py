"""Do nothing twice: what made each output is written beside it."""

from tweet_sentiment.incremental.recording import RecordFingerprints

__all__ = ["RecordFingerprints"]
