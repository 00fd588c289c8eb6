"""Hyperparameter search: Optuna over the paper's space, then one training with the best values."""
