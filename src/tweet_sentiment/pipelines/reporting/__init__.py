"""The comparison and the report of all techniques and protocols that have been run; nothing is trained."""
