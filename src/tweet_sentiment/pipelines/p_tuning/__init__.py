"""P-tuning: a soft prompt that a small network computes."""
