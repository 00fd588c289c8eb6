"""Kedro's hooks: the checks before a run, and the trackers that log it."""
