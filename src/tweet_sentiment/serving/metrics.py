"""What Prometheus may read: requests, their time, posts, calls of the model, what waits."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import Scope

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
POSTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
MEDIA_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The figures of one application; two in one process do not mix."""

    def __init__(self, waiting: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = self._counter("requests", "Requests by path and status.", ["path", "status"])
        self._seconds = self._histogram("request_seconds", "Time of a request by path.", SECONDS, ["path"])
        self._calls = self._histogram("batch_posts", "Posts a call of the model.", POSTS, ["what"])
        self._labels = self._counter("predictions", "Predicted posts by label.", ["label"])
        Gauge("tweet_sentiment_waiting_posts", "Posts that wait.", registry=self.registry).set_function(waiting)

    def _counter(self, name: str, help_text: str, labels: list[str]) -> Counter:
        return Counter(f"tweet_sentiment_{name}", help_text, labels, registry=self.registry)

    def _histogram(self, name: str, help_text: str, buckets: tuple[float, ...], labels: list[str]) -> Histogram:
        return Histogram(f"tweet_sentiment_{name}", help_text, labels, buckets=buckets, registry=self.registry)

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
        return generate_latest(self.registry)
