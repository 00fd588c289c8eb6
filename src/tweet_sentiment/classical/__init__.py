"""Classical models: scikit-learn on the processor, no torch; each is kept in a model folder without a pickle."""
