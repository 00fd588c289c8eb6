"""Fine-tuning DistilBERT on Twitter sentiment: layer unfreezing, hyperparameter search and prompt tuning."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tweet_sentiment.predictor import Predictor

__version__ = "0.1.0"
__all__ = ["Predictor", "__version__"]


def __getattr__(name: str) -> Any:
    """Import the predictor when it is asked for: it brings torch along."""
    if name == "Predictor":
        from tweet_sentiment.predictor import Predictor

        return Predictor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
