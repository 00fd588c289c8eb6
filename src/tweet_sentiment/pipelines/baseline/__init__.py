"""The baseline: everything frozen, an untrained head, evaluated only."""
