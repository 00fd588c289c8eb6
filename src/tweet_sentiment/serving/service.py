"""What stands behind the paths: a predictor, two queues, one thread."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

from fastapi import FastAPI

from tweet_sentiment.errors import StudyError
from tweet_sentiment.extras import MissingExtraError
from tweet_sentiment.manifests import MANIFEST
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.serving.batching import Batcher, Records
from tweet_sentiment.serving.limits import Limits, check_posts
from tweet_sentiment.serving.metrics import Metrics
from tweet_sentiment.serving.problems import ProblemError
from tweet_sentiment.serving.schemas import Model, Posts
from tweet_sentiment.serving.tables import Asked, Post, added_columns, read_table, with_predictions

EXPLAINED_AT_ONCE = 4  # posts; each takes some fifty times as long as a prediction, and predictions wait meanwhile


class Service:
    """A predictor behind two queues and one thread: predictions and explanations take turns."""

    def __init__(self, predictor: Predictor, limits: Limits, folder: Path | None) -> None:
        self.predictor, self.limits, self._folder = predictor, limits, folder
        self.metrics = Metrics(lambda: self.predict.waiting + self.explain.waiting)
        self.predict = self._batcher("predict", limits.batch)
        self.explain = self._batcher("explain", EXPLAINED_AT_ONCE)
        self._card = _read(folder, "README.md").decode("utf-8", "replace")
        self._manifest = _digest(folder)

    def _batcher(self, what: str, batch: int) -> Batcher[Post]:
        def work(posts: list[Post]) -> Records:
            entities = [entity for _, entity in posts] if self.predictor.reads_entities else None
            texts = [text for text, _ in posts]
            return self.predictor.records(texts, entities, keep_blank=True, explain=what == "explain")

        return Batcher(work, batch, self.limits.waiting, self.metrics.call(what))

    @asynccontextmanager
    async def running(self, _: FastAPI) -> AsyncIterator[None]:
        """Answer requests while the application lives."""
        with ThreadPoolExecutor(1, "model") as thread:
            self.predict.start(thread)
            self.explain.start(thread)
            yield
            await self.predict.stop()
            await self.explain.stop()

    async def answer(self, posts: Posts, most: int, ask: Batcher[Post]) -> Records:
        """Check the posts, ask the model, count the labels."""
        texts, entities = posts.listed()
        check_posts(texts, most, self.limits)
        try:
            self.predictor.checked(texts)
            entities = self.predictor.checked_entities(len(texts), entities)
        except StudyError as error:
            raise ProblemError(422, " ".join(str(error).split())) from None
        return await self.asked(list(zip(texts, entities or [""] * len(texts), strict=True)), ask)

    async def asked(self, posts: list[Post], ask: Batcher[Post]) -> Records:
        """Ask the model about posts that are known to be fit; what fails then is the model."""
        try:
            if ask is self.predict:
                records = await ask(posts)
            else:
                parts = await asyncio.gather(*(ask([post]) for post in posts))
                records = [record for part in parts for record in part]
        except MissingExtraError as error:
            raise ProblemError(501, str(error)) from error
        except StudyError as error:
            raise ProblemError(500, str(error)) from error
        self.metrics.labels([record["label"] for record in records if record["label"] is not None])
        return records

    async def table(self, body: bytes, asked: Asked, prefix: str) -> str:
        """Predict a CSV part by part, so that other requests come between."""
        try:
            self.predictor.check_entities(asked.entity is not None, "name their column: ?entity_column=…")
        except StudyError as error:
            raise ProblemError(422, str(error)) from None
        table = await asyncio.to_thread(read_table, body, asked, self.limits)
        added = added_columns(table.header, self.predictor.labels, prefix)
        posts, records, size = table.posts, [], self.limits.batch
        for start in range(0, len(posts), size):
            records += await self.asked(posts[start : start + size], self.predict)
        return await asyncio.to_thread(with_predictions, table, records, added)

    def model(self) -> Model:
        """Describe what is served, and say whether the folder holds another model by now."""
        manifest = {name: value for name, value in self.predictor.manifest.items() if name != "files"}
        return Model(
            folder=None if self._folder is None else str(self._folder),
            labels=self.predictor.labels,
            explains=self.predictor.explains,
            reads_entities=self.predictor.reads_entities,
            manifest=manifest,
            card=self._card,
            changed_on_disk=_digest(self._folder) != self._manifest,
            limits=asdict(self.limits),
        )


def _read(folder: Path | None, name: str) -> bytes:
    path = folder / name if folder is not None else None
    return path.read_bytes() if path is not None and path.is_file() else b""


def _digest(folder: Path | None) -> str:
    return hashlib.sha256(_read(folder, MANIFEST)).hexdigest()
