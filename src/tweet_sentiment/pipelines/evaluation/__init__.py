"""What every technique goes through once it has a model: predictions, metrics, figures."""
