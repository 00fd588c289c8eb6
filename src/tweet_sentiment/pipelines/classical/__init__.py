"""The classical baselines on TF-IDF."""
