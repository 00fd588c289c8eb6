"""Requests that arrive together go through the model together: one queue, one worker thread, no waiting for company."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tweet_sentiment.serving.problems import ProblemError

logger = logging.getLogger(__name__)

Post = TypeVar("Post")
Records = list[dict[str, Any]]


@dataclass(frozen=True)
class _Job(Generic[Post]):
    posts: list[Post]
    answer: "asyncio.Future[Records]"


class Batcher(Generic[Post]):
    """Gathers what has come in while the model was busy, and hands it over in one call.

    A request that finds the model idle is not held back. The thread that ``work`` runs in must be one: a model is no
    faster for being asked twice at once. ``observe`` is told the number of posts of each call.
    """

    def __init__(
        self,
        work: Callable[[list[Post]], Records],
        batch: int,
        waiting: int,
        observe: Callable[[int], object] = lambda posts: None,
    ) -> None:
        self._work, self._observe = work, observe
        self._batch, self._most = batch, waiting
        self._held: _Job[Post] | None = None
        self.waiting = 0
        self._task: asyncio.Task[None] | None = None

    def start(self, thread: Executor) -> None:
        """Begin to answer, in the running event loop; ``work`` runs in ``thread``."""
        self._thread = thread
        self._jobs: asyncio.Queue[_Job[Post]] = asyncio.Queue()
        self._task = asyncio.create_task(self._answer_all())

    async def stop(self) -> None:
        """Stop answering; those who still wait are told so."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        while (job := self._next()) is not None:
            if not job.answer.done():
                job.answer.set_exception(ProblemError(503, "The service is stopping. Ask again when it is back."))

    @property
    def alive(self) -> bool:
        """Tell whether requests are still answered."""
        return self._task is not None and not self._task.done()

    async def __call__(self, posts: list[Post]) -> Records:
        """Return what the model says to these posts, in their order.

        Raises:
            ProblemError: too many posts are waiting already, or the queue has stopped (503).
            Exception: what ``work`` raises on these posts.
        """
        if not self.alive:
            raise ProblemError(503, "The service is not answering. Ask again when it has been started anew.")
        if self.waiting + len(posts) > self._most:
            raise ProblemError(503, "Too many posts are waiting. Ask again in a moment.", {"Retry-After": "1"})
        job = _Job(posts, asyncio.get_running_loop().create_future())
        self.waiting += len(posts)
        self._jobs.put_nowait(job)
        try:
            return await job.answer
        finally:
            self.waiting -= len(posts)

    async def _answer_all(self) -> None:
        while True:
            first = self._held or await self._jobs.get()
            self._held = None
            await asyncio.sleep(0)  # requests that are being read this very moment
            await self._answer(self._gather(first))

    def _gather(self, first: _Job[Post]) -> list[_Job[Post]]:
        """Return waiting jobs of ``batch`` posts at most in all; the first is taken whatever its size."""
        jobs, posts = [first], len(first.posts)
        while (job := self._next()) is not None:
            if posts + len(job.posts) > self._batch:
                self._held = job
                break
            jobs.append(job)
            posts += len(job.posts)
        return [job for job in jobs if not job.answer.done()]  # those who have given up

    def _next(self) -> _Job[Post] | None:
        if self._held is not None:
            job, self._held = self._held, None
            return job
        return None if self._jobs.empty() else self._jobs.get_nowait()

    async def _answer(self, jobs: list[_Job[Post]]) -> None:
        """Ask the model; where that fails for a batch, ask for each job alone, so that only the culprit fails."""
        if not jobs:
            return
        posts = [post for job in jobs for post in job.posts]
        try:
            self._observe(len(posts))
            records = await asyncio.get_running_loop().run_in_executor(self._thread, self._work, posts)
        except Exception as error:
            if len(jobs) > 1:
                for job in jobs:
                    await self._answer([job])
            elif not jobs[0].answer.done():
                jobs[0].answer.set_exception(error)
            return
        except asyncio.CancelledError:
            for job in jobs:
                job.answer.cancel()
            raise
        for job in jobs:
            own, records = records[: len(job.posts)], records[len(job.posts) :]
            if not job.answer.done():
                job.answer.set_result(own)
