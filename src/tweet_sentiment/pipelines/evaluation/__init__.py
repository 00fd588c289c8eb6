"""The evaluation of every technique: predictions, metrics, figures."""
