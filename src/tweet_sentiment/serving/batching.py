"""Requests that arrive together go through the model together: one queue, one worker thread, no delay for others."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any

from tweet_sentiment.serving.problems import BUSY, ProblemError

PART = 16  # posts of one request that are taken at once: as many are calculated in vain for a client that leaves
PATIENCE = 0.005  # seconds per post: so much later than a single post is one taken that is the last of many

Records = list[dict[str, Any]]


@dataclass(frozen=True, order=True)
class _Job:
    due: float
    number: int
    posts: list[Any] = field(compare=False)
    answer: "asyncio.Future[Records]" = field(compare=False)


class Batcher:
    """Collects the requests that arrive while the model is busy, and passes them to one call of ``work``.

    A request to an idle model does not wait. ``work`` runs in a single thread: two calls at once are not faster.
    A call gets at most ``batch`` posts; longer requests are taken in parts
    (``PART``), and let those of few go before (``PATIENCE``). ``most_waiting`` posts may wait, and ``observe``
    is told the number of posts of each call.
    """

    def __init__(
        self,
        work: Callable[[list[Any]], Records],
        batch: int,
        most_waiting: int,
        observe: Callable[[int], object] = lambda posts: None,
    ) -> None:
        self._work, self._batch, self._most_waiting, self._observe = work, batch, most_waiting, observe
        self._jobs, self._numbers = list[_Job](), count()
        self._asked: list[_Job] = []  # those that the model is busy with
        self._task: asyncio.Task[None] | None = None
        self.waiting = 0

    def start(self, thread: Executor) -> None:
        """Start answering, in the running event loop; ``work`` runs in ``thread``."""
        self._thread, self._came = thread, asyncio.Event()
        self._task = asyncio.create_task(self._answer_all())

    async def stop(self) -> None:
        """Stop answering; waiting requests get an error."""
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
        """Return the model's records for these posts, in their order.

        Raises:
            ProblemError: too many posts are waiting already, or the queue has stopped (503).
            Exception: what ``work`` raises on these posts.
        """
        if not self.alive:
            raise ProblemError(503, "The service is not answering. Ask again after its restart.")
        if self.waiting + len(posts) > self._most_waiting:
            raise ProblemError(503, "Too many posts are waiting. Ask again in a moment.", BUSY)
        loop, jobs, last = asyncio.get_running_loop(), list[_Job](), 0
        while last < len(posts):
            first, last = last, min(last + min(PART, self._batch), len(posts))
            due = loop.time() + PATIENCE * last
            jobs.append(_Job(due, next(self._numbers), posts[first:last], loop.create_future()))
            heappush(self._jobs, jobs[-1])
        self._came.set()
        self.waiting += len(posts)
        try:
            parts = await asyncio.gather(*(job.answer for job in jobs))
            return [record for part in parts for record in part]
        finally:
            self.waiting -= len(posts)
            for job in jobs:
                job.answer.cancel()  # where one has failed

    async def _answer_all(self) -> None:
        while True:
            await self._came.wait()
            await asyncio.sleep(0)  # requests that are being read this very moment
            self._asked = self._gather()
            await self._answer(self._asked)

    def _gather(self) -> list[_Job]:
        """Return the next jobs, with at most ``batch`` posts together."""
        jobs, size = list[_Job](), 0
        while self._jobs and size + len(self._jobs[0].posts) <= self._batch:
            job = heappop(self._jobs)
            if not job.answer.done():  # given up
                jobs.append(job)
                size += len(job.posts)
        if not self._jobs:
            self._came.clear()
        return jobs

    async def _answer(self, jobs: list[_Job]) -> None:
        """Ask the model; if a batch fails, ask for each job alone, so that only the faulty one fails."""
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
