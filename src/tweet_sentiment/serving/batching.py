"""Requests that arrive together go through the model together: one queue, one worker thread, no waiting for company."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from tweet_sentiment.serving.middleware import ProblemError

Records = list[dict[str, Any]]


@dataclass(frozen=True)
class _Job:
    posts: list[Any]
    answer: "asyncio.Future[Records]"


class Batcher:
    """Gathers what has come in while the model was busy, and hands it over in one call of ``work``.

    A request that finds the model idle is not held back. The thread that ``work`` runs in must be one: a model is no
    faster for being asked twice at once. A call gets ``batch`` posts at most, ``most_waiting`` may wait, and
    ``observe`` is told the number of posts of each call.
    """

    def __init__(
        self,
        work: Callable[[list[Any]], Records],
        batch: int,
        most_waiting: int,
        observe: Callable[[int], object] = lambda posts: None,
    ) -> None:
        self._work, self._batch, self._most_waiting, self._observe = work, batch, most_waiting, observe
        self._jobs: deque[_Job] = deque()
        self._asked: list[_Job] = []  # those that the model is busy with
        self._task: asyncio.Task[None] | None = None
        self.waiting = 0

    def start(self, thread: Executor) -> None:
        """Begin to answer, in the running event loop; ``work`` runs in ``thread``."""
        self._thread, self._came = thread, asyncio.Event()
        self._task = asyncio.create_task(self._answer_all())

    async def stop(self) -> None:
        """Stop answering; those who still wait are told so."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for job in (*self._asked, *self._jobs):
            if not job.answer.done():
                job.answer.set_exception(ProblemError(503, "The service is stopping. Ask again when it is back."))

    @property
    def alive(self) -> bool:
        """Tell whether requests are still answered."""
        return self._task is not None and not self._task.done()

    async def __call__(self, posts: list[Any]) -> Records:
        """Return what the model says to these posts, in their order.

        Raises:
            ProblemError: too many posts are waiting already, or the queue has stopped (503).
            Exception: what ``work`` raises on these posts.
        """
        if not self.alive:
            raise ProblemError(503, "The service is not answering. Ask again when it has been started anew.")
        if self.waiting + len(posts) > self._most_waiting:
            raise ProblemError(503, "Too many posts are waiting. Ask again in a moment.", {"Retry-After": "1"})
        job = _Job(posts, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._came.set()
        self.waiting += len(posts)
        try:
            return await job.answer
        finally:
            self.waiting -= len(posts)

    async def _answer_all(self) -> None:
        while True:
            await self._came.wait()
            await asyncio.sleep(0)  # requests that are being read this very moment
            self._asked = self._gather()
            await self._answer(self._asked)

    def _gather(self) -> list[_Job]:
        """Return waiting jobs of ``batch`` posts at most in all; the first is taken whatever its size."""
        jobs, size = list[_Job](), 0
        while self._jobs and (not jobs or size + len(self._jobs[0].posts) <= self._batch):
            job = self._jobs.popleft()
            if not job.answer.done():  # given up
                jobs.append(job)
                size += len(job.posts)
        if not self._jobs:
            self._came.clear()
        return jobs

    async def _answer(self, jobs: list[_Job]) -> None:
        """Ask the model; where that fails for a batch, ask for each job alone, so that only the culprit fails."""
        if not (posts := [post for job in jobs for post in job.posts]):
            return
        try:
            self._observe(len(posts))
            records = iter(await asyncio.get_running_loop().run_in_executor(self._thread, self._work, posts))
        except Exception as error:
            if len(jobs) > 1:
                for job in jobs:
                    await self._answer([job])
            elif not jobs[0].answer.done():
                jobs[0].answer.set_exception(error)
            return
        for job in jobs:
            own = [next(records) for _ in job.posts]
            if not job.answer.done():
                job.answer.set_result(own)
