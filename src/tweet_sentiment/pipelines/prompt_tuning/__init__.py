"""Prompt tuning: every hard prompt trained and evaluated, the best kept."""
