"""The real application with a tiny model, in this process."""

import threading
import time
from contextlib import contextmanager

import pytest
import uvicorn
from starlette.testclient import TestClient
from tests.predictor import conftest as models

from tweet_sentiment.serving.app import create_app
from tweet_sentiment.serving.limits import Limits
from tweet_sentiment.serving.server import bound_socket, configuration

settings, plain_folder, predictor = models.settings, models.plain_folder, models.predictor
PLAIN = Limits()


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


@contextmanager
def served(predictor, limits=PLAIN, **more):
    """Serve a model as ``kedro serve`` does, in a thread; give its address, host and port, and the server."""
    bound = bound_socket("127.0.0.1", 0)
    server = uvicorn.Server(configuration(create_app(predictor, limits, **more), limits))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield bound.getsockname(), server
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def on_http(*model, **more):
    """Serve a model in a thread; give its address as a URL."""
    with served(*model, **more) as ((host, port), _):
        yield f"http://{host}:{port}"


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
