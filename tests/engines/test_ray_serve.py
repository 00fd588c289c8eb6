"""The service on a real Ray Serve: its own routes, errors and key, from two replicas."""

import re
import socket

import httpx2
import pytest
from tests.predictor import conftest as models

from tweet_sentiment.errors import StudyError

ray = pytest.importorskip("ray", reason="Ray is missing: pip install 'tweet-sentiment[ray]'")
serve = pytest.importorskip("ray.serve", reason="Ray Serve is missing: pip install 'tweet-sentiment[ray]'")

pytestmark = pytest.mark.slow

settings, plain_folder, predictor = models.settings, models.plain_folder, models.predictor
POSTS = ["I love it, best game in years!", "So bad... it KEEPS crashing"]


@pytest.fixture
def address(plain_folder, monkeypatch):
    from tweet_sentiment.serving.ray_serve import application

    monkeypatch.setenv("TWEET_SENTIMENT_API_KEY", "secret")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        serve.run(application({"model": str(plain_folder), "replicas": "2", "device": "cpu"}))
        yield f"http://127.0.0.1:{port}"
    finally:
        serve.shutdown()
        ray.shutdown()


def test_two_replicas_give_the_services_own_answers(address, predictor):
    key, began = {"X-API-Key": "secret"}, set()
    assert httpx2.get(f"{address}/health", timeout=60).json() == {"status": "ok", "waiting_posts": 0}
    refused = httpx2.post(f"{address}/predict", json={"texts": POSTS})
    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"
    for _ in range(200):
        answer = httpx2.post(f"{address}/predict", json={"texts": POSTS}, headers=key, timeout=60)
        assert [one["label"] for one in answer.json()] == [one["label"] for one in predictor.records(POSTS)]
        figures = httpx2.get(f"{address}/metrics", headers=key).text
        began.add(re.search(r"^process_start_time_seconds (\S+)", figures, re.M)[1])
        if len(began) == 2:
            break
    assert len(began) == 2
    too_many = httpx2.post(f"{address}/predict", json={"texts": ["a"] * 1001}, headers=key)
    assert too_many.status_code == 413


@pytest.mark.parametrize(("given", "found"), [({}, "no model"), ({"model": "m", "port": "1"}, "unknown: port")])
def test_what_it_does_not_know_is_refused(given, found):
    from tweet_sentiment.serving.ray_serve import application

    with pytest.raises(StudyError, match=found):
        application(given)
