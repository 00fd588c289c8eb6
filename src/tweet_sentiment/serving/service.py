"""The service behind the paths: a predictor, two queues, one thread."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

from fastapi import FastAPI

from tweet_sentiment.data.cleaning import checked_texts
from tweet_sentiment.errors import MissingExtraError, StudyError
from tweet_sentiment.manifests import MANIFEST
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.serving.batching import Batcher, Records
from tweet_sentiment.serving.limits import Limits
from tweet_sentiment.serving.metrics import Metrics
from tweet_sentiment.serving.problems import ProblemError
from tweet_sentiment.serving.schemas import Model, Posts
from tweet_sentiment.serving.tables import Asked, Post, read_table, written_table

EXPLAINED_AT_ONCE = 4  # posts; each takes some fifty times as long as a prediction, and predictions wait meanwhile


class Service:
    """A predictor behind two queues and one thread: predictions and explanations take turns."""

    def __init__(self, predictor: Predictor, limits: Limits, folder: Path | None) -> None:
        self.predictor, self.limits, self._folder = predictor, limits, folder
        self.metrics = Metrics(lambda: self.waiting)
        self._predict = self._batcher("predict", limits.batch)
        self._explain = self._batcher("explain", EXPLAINED_AT_ONCE)
        self._card, self._manifest = self._read("README.md"), self._read(MANIFEST)

    def _batcher(self, what: str, batch: int) -> Batcher:
        def work(posts: list[Post]) -> Records:
            entities = [entity for _, entity in posts] if self.predictor.reads_entities else None
            texts = [text for text, _ in posts]
            return self.predictor.records(texts, entities, keep_blank=True, explain=what == "explain")

        return Batcher(work, batch, self.limits.waiting, self.metrics.call(what))

    @asynccontextmanager
    async def running(self, _: FastAPI) -> AsyncIterator[None]:
        """Answer requests while the application lives."""
        with ThreadPoolExecutor(1, "model") as thread, ThreadPoolExecutor(1, "tables") as self._tables:
            self._predict.start(thread)
            self._explain.start(thread)
            yield
            await self._predict.stop()
            await self._explain.stop()

    @property
    def waiting(self) -> int:
        """How many posts wait for the model."""
        return self._predict.waiting + self._explain.waiting

    @property
    def alive(self) -> bool:
        """Whether the service answers requests."""
        return self._predict.alive and self._explain.alive

    async def answer(self, posts: Posts, explain: bool = False) -> Records:
        """Check the posts, ask the model, count the labels.

        Raises:
            ProblemError: there are none, too many or too long ones (413), or one cannot be classified (422); the
                message names it.
        """
        texts, entities = posts.listed()
        self._check(texts, self.limits.explained_posts if explain else self.limits.posts)
        try:
            checked_texts(texts)
            entities = self.predictor.checked_entities(len(texts), entities)
            records = await self._ask(list(zip(texts, entities or [""] * len(texts), strict=True)), explain)
            self.predictor.refuse_emptied([record["label"] is None for record in records])
        except StudyError as error:
            raise ProblemError(422, " ".join(str(error).split())) from None
        return records

    def _check(self, texts: list[str], most: int) -> None:
        if not texts:
            raise ProblemError(422, "texts: the list is empty. Send one text or more.")
        if len(texts) > most:
            raise ProblemError(413, f"texts: {len(texts):,} posts, at most {most:,} per request. Send them in parts.")
        for place, text in enumerate(texts):
            if len(text) > self.limits.characters:
                found = f"texts[{place}]: {len(text):,} characters, at most {self.limits.characters:,} per post."
                raise ProblemError(413, f"{found} Shorten it: the model reads only the beginning.")

    async def _ask(self, posts: list[Post], explain: bool = False) -> Records:
        """Ask the model about checked posts; an error is then the model's."""
        try:
            records = await (self._explain if explain else self._predict)(posts)
        except StudyError as error:
            raise ProblemError(501 if isinstance(error, MissingExtraError) else 500, str(error)) from error
        self.metrics.labels([record["label"] for record in records if record["label"] is not None])
        return records

    async def table(self, body: bytes, asked: Asked) -> str:
        """Predict a CSV in parts, so that other requests are answered in between."""
        try:
            self.predictor.check_entities(asked.entity is not None, "name their column: ?entity_column=…")
        except StudyError as error:
            raise ProblemError(422, str(error)) from None
        loop, labels = asyncio.get_running_loop(), self.predictor.labels  # one table is read at a time
        chunk = await loop.run_in_executor(self._tables, read_table, body, asked, self.limits, labels)
        posts, records, size = chunk.posts, Records(), self.limits.batch
        for start in range(0, len(posts), size):
            records += await self._ask(posts[start : start + size])
        return await loop.run_in_executor(self._tables, written_table, chunk, records, asked, labels)

    def model(self) -> Model:
        """Describe the served model, and say whether the folder now holds another one."""
        return Model(
            folder=None if self._folder is None else str(self._folder),
            labels=self.predictor.labels,
            explains=self.predictor.explains,
            reads_entities=self.predictor.reads_entities,
            manifest={name: value for name, value in self.predictor.manifest.items() if name != "files"},
            card=self._card,
            changed_on_disk=self._read(MANIFEST) != self._manifest,
            limits=asdict(self.limits),
        )

    def _read(self, name: str) -> str:
        path = (self._folder or Path()) / name
        return path.read_text(encoding="utf-8", errors="replace") if self._folder and path.is_file() else ""
