"""Classical rivals: what majority, look-up and linear models on TF-IDF reach without any encoder."""
