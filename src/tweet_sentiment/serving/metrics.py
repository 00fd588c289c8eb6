"""What Prometheus may read: requests, their time, posts, calls of the model, what waits."""

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import Scope

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
POSTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
MEDIA_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The figures of one application; two in one process do not mix."""

    def __init__(self, waiting: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        ours: Any = {"namespace": "tweet_sentiment", "registry": self._registry}
        self._requests = Counter("requests", "Requests by path and status.", ["path", "status"], **ours)
        self._seconds = Histogram("request_seconds", "Time of a request by path.", ["path"], buckets=SECONDS, **ours)
        self._calls = Histogram("batch_posts", "Posts a call of the model.", ["what"], buckets=POSTS, **ours)
        self._labels = Counter("predictions", "Predicted posts by label.", ["label"], **ours)
        Gauge("waiting_posts", "Posts that wait.", **ours).set_function(waiting)

    def request(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request; paths that are not ours are one, or anybody could make new series."""
        path = getattr(scope.get("route"), "path", "other")
        self._requests.labels(path, status).inc()
        self._seconds.labels(path).observe(seconds)

    def call(self, what: str) -> Callable[[int], None]:
        """Return what is to be told the posts of each call of the model."""
        return self._calls.labels(what).observe

    def labels(self, labels: list[str]) -> None:
        """Count predictions by label: a shift shows that the posts have changed."""
        for label in labels:
            self._labels.labels(label).inc()

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)
