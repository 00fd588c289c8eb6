"""The comparison: whatever techniques have been run, under whatever protocols; trains nothing, needs no torch."""
