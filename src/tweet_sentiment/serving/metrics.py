"""The metrics for Prometheus: requests, their times, posts, calls of the model, waiting posts."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import Scope

from tweet_sentiment.storage import is_alive

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
POSTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
MEDIA_TYPE = CONTENT_TYPE_LATEST
SHARED = "PROMETHEUS_MULTIPROC_DIR"  # where several processes keep figures; prometheus_client reads it on import


class Metrics:
    """The figures of one application; two in one process do not mix.

    For several processes that share a folder (``SHARED``) they are sums, including dead processes, without the
    metrics of a single process. Source: https://prometheus.github.io/client_python/multiprocess/
    """

    def __init__(self, waiting: Callable[[], float]) -> None:
        self._registry, self._folder = CollectorRegistry(), os.environ.get(SHARED)
        collector: Any = MultiProcessCollector if self._folder else ProcessCollector
        collector(registry=self._registry)
        ours: Any = {"namespace": "tweet_sentiment", "registry": None if self._folder else self._registry}
        self._requests = Counter("requests", "Requests by path and status.", ["path", "status"], **ours)
        self._seconds = Histogram("request_seconds", "Time of a request by path.", ["path"], buckets=SECONDS, **ours)
        self._calls = Histogram("batch_posts", "Posts a call of the model.", ["what"], buckets=POSTS, **ours)
        self._labels = Counter("predictions", "Predicted posts by label.", ["label"], **ours)
        self._posts = Gauge("waiting_posts", "Posts that wait.", multiprocess_mode="livesum", **ours)
        self._waiting = waiting

    def request(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request; unknown paths count as one, or anybody could make new series."""
        path = getattr(scope.get("route"), "path", "other")
        self._requests.labels(path, status).inc()
        self._seconds.labels(path).observe(seconds)
        self._posts.set(self._waiting())

    def call(self, what: str) -> Callable[[int], None]:
        """Return the function to call with the posts of each call of the model."""

        def observe(posts: int) -> None:
            self._calls.labels(what).observe(posts)
            self._posts.set(self._waiting())

        return observe

    def labels(self, labels: list[str]) -> None:
        """Count predictions by label: a shift shows that the posts have changed."""
        for label in labels:
            self._labels.labels(label).inc()

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        self._posts.set(self._waiting())
        for file in Path(self._folder).glob("gauge_live*.db") if self._folder else ():
            if not is_alive(int(file.stem.rpartition("_")[2])):
                file.unlink(missing_ok=True)
        return generate_latest(self._registry)
