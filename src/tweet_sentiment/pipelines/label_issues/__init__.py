"""Which posts have a label that is unlikely, or no reason for any."""
