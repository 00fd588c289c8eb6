"""Fine-tuning DistilBERT on Twitter sentiment: layer unfreezing, hyperparameter search and prompt tuning."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tweet_sentiment.predictor import Predictor

__version__ = "0.1.0"
__all__ = ["Predictor", "__version__"]
_LATER = {"Predictor": "tweet_sentiment.predictor"}  # brings torch along; by name, or all code would depend on it


def __getattr__(name: str) -> Any:
    """Import the predictor when it is asked for."""
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
