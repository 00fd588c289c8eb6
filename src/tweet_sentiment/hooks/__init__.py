"""Kedro's hooks: what must hold before a run starts, and who is told of it."""
