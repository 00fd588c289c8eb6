"""The real application with a tiny model, in this process."""

import pytest
from starlette.testclient import TestClient
from tests.predictor import conftest as models

from tweet_sentiment.serving.app import create_app

settings, plain_folder, predictor = models.settings, models.plain_folder, models.predictor


class Watched:
    """A predictor that remembers how many texts each call brought; ``before`` is called first (to wait, or to fail)."""

    def __init__(self, predictor, before=lambda texts: None):
        self._predictor, self._before = predictor, before
        self.calls = []

    def __getattr__(self, name):
        return getattr(self._predictor, name)

    def records(self, texts, *others, **more):
        self.calls.append(len(texts))
        self._before(texts)
        return self._predictor.records(texts, *others, **more)


@pytest.fixture
def client(predictor, plain_folder):
    with TestClient(create_app(predictor, folder=plain_folder)) as client:
        yield client


def detail(answer, status):
    """Return what an error says, and check that it is a problem of this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert set(told) == {"title", "status", "detail"}
    assert told["status"] == status
    return told["detail"]
