"""The ensemble: the mean of what other techniques say."""
