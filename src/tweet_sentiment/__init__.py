"""Fine-tuning DistilBERT on Twitter sentiment: layer unfreezing, hyperparameter search and prompt tuning."""

__version__ = "0.1.0"
