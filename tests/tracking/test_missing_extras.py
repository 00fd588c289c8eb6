"""A tracker that is asked for and not installed is the user's to install: said at once."""

import sys

import pytest
from tests.conftest import raw_parameters, validate_parameters

from tweet_sentiment.errors import StudyError


@pytest.mark.parametrize("extra", ["mlflow", "tensorboard"])
def test_what_is_missing_is_named_with_what_to_do(extra, monkeypatch):
    from tweet_sentiment.tracking.mlflow import MlflowTracker
    from tweet_sentiment.tracking.tensorboard import TensorBoardTracker

    for module in ("mlflow", "mlflow.tracking", "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, module, None)
    raw = raw_parameters()
    raw["tracking"] = {"mlflow": "sqlite:///x.db", "tensorboard": "x"}
    parameters = validate_parameters(raw)
    with pytest.raises(
        StudyError, match=rf"tracking.{extra} .*not installed: pip install 'tweet-sentiment\[tracking\]'"
    ):
        MlflowTracker(parameters, []) if extra == "mlflow" else TensorBoardTracker(parameters)
