"""Prompt tuning: a hard prompt before the post, a soft prompt before both, the encoder frozen."""
