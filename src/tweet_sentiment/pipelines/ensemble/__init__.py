"""The mean of what other techniques predict."""
