"""The search over a technique's hyperparameters, then one training with the best."""
