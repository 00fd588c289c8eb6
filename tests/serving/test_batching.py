"""What arrives together goes through the model together, and each request gets its own answer."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from tests.serving.conftest import Watched

from tweet_sentiment.serving import batching
from tweet_sentiment.serving.app import create_app
from tweet_sentiment.serving.batching import Batcher
from tweet_sentiment.serving.problems import ProblemError


class Echo:
    """Answers each text with itself; fails at "bad"; waits while ``open`` is not set."""

    def __init__(self):
        self.calls, self.open = [], threading.Event()
        self.open.set()

    def __call__(self, texts):
        self.calls.append(list(texts))
        self.open.wait(300)
        if "bad" in texts:
            raise ValueError("bad")
        return [{"text": text} for text in texts]


def run(scenario, batch=100, waiting=1000):
    """Run ``scenario(batcher, echo)`` with a started batcher; return what it returns."""

    async def whole():
        echo = Echo()
        with ThreadPoolExecutor(1) as thread:
            batcher = Batcher(echo, batch, waiting)
            batcher.start(thread)
            try:
                return await scenario(batcher, echo)
            finally:
                echo.open.set()
                await batcher.stop()

    return asyncio.run(whole())


async def busy(batcher, echo):
    """Keep the model busy with one request; return it."""
    echo.open.clear()
    first = asyncio.create_task(batcher(["first"]))
    while not echo.calls:
        await asyncio.sleep(0.001)
    return first


def test_requests_that_wait_are_one_call_and_each_gets_its_own():
    async def scenario(batcher, echo):
        first = await busy(batcher, echo)
        others = [asyncio.create_task(batcher([f"{i}a", f"{i}b"])) for i in range(20)]
        await asyncio.sleep(0)
        echo.open.set()
        assert await first == [{"text": "first"}]
        for i, answer in enumerate(await asyncio.gather(*others)):
            assert answer == [{"text": f"{i}a"}, {"text": f"{i}b"}]
        return echo.calls

    assert [len(call) for call in run(scenario)] == [1, 40]


def test_a_call_holds_no_more_posts_than_a_batch_and_many_posts_let_single_ones_go_before(monkeypatch):
    monkeypatch.setattr(batching, "PATIENCE", 60)  # more than a busy machine takes between two requests

    async def scenario(batcher, echo):
        first = await busy(batcher, echo)
        others = [asyncio.create_task(batcher([f"{i}"] * size)) for i, size in enumerate([2, 2, 700, 1, 3, 4])]
        await asyncio.sleep(0)
        echo.open.set()
        answers = await asyncio.gather(first, *others)
        assert [len(answer) for answer in answers[1:]] == [2, 2, 700, 1, 3, 4]
        return echo.calls

    calls = run(scenario, batch=5)
    assert max(map(len, calls)) == 5
    assert {"0", "1", "3"} <= set(calls[1])
    assert {text for call in calls[-100:] for text in call} == {"2"}


def test_only_the_request_at_fault_fails():
    async def scenario(batcher, echo):
        first = await busy(batcher, echo)
        others = [asyncio.create_task(batcher([text])) for text in ("good", "bad", "fine")]
        await asyncio.sleep(0)
        echo.open.set()
        await first
        return await asyncio.gather(*others, return_exceptions=True)

    good, bad, fine = run(scenario)
    assert (good, fine) == ([{"text": "good"}], [{"text": "fine"}])
    assert isinstance(bad, ValueError)


def test_a_request_that_has_given_up_is_not_calculated():
    async def scenario(batcher, echo):
        first = await busy(batcher, echo)
        gone, stays = asyncio.create_task(batcher(["gone"])), asyncio.create_task(batcher(["stays"]))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        assert batcher.waiting == 2
        echo.open.set()
        await asyncio.gather(first, stays)
        assert batcher.waiting == 0
        return echo.calls

    assert run(scenario) == [["first"], ["stays"]]


def test_more_than_may_wait_is_refused_at_once_and_later_taken():
    async def scenario(batcher, echo):
        first = await busy(batcher, echo)
        second = asyncio.create_task(batcher(["a"] * 4))
        await asyncio.sleep(0)
        with pytest.raises(ProblemError, match="Too many posts are waiting") as refused:
            await batcher(["b"])
        assert (refused.value.status_code, refused.value.headers) == (503, {"Retry-After": "1"})
        echo.open.set()
        await asyncio.gather(first, second)
        assert await batcher(["b"]) == [{"text": "b"}]

    run(scenario, waiting=5)


def test_those_who_wait_or_are_being_answered_when_it_stops_are_told_so():
    async def scenario(batcher, echo):
        first = await busy(batcher, echo)
        waits = asyncio.create_task(batcher(["waits"]))
        await asyncio.sleep(0)
        await batcher.stop()
        assert not batcher.alive
        return await asyncio.gather(first, waits, return_exceptions=True)

    for told in run(scenario):
        assert isinstance(told, ProblemError)
        assert told.status_code == 503


def test_50_clients_at_once_are_fewer_calls_and_every_answer_is_its_own(predictor):
    watched = Watched(predictor)
    app = create_app(watched)
    texts = [f"post number {i} is {'good' if i % 2 else 'bad'}" for i in range(50)]

    async def all_at_once():
        transport = httpx2.ASGITransport(app)
        service = app.state.service
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client, service.running(app):
            return await asyncio.gather(*(client.post("/predict", json={"texts": text}) for text in texts))

    answers = asyncio.run(all_at_once())
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.json()[0]["text"] for answer in answers] == texts
    assert sum(watched.calls) == 50
    assert len(watched.calls) < 25, watched.calls
    for answer, wanted in zip(answers, predictor.records(texts), strict=True):
        assert answer.json()[0]["probabilities"] == pytest.approx(wanted["probabilities"], abs=1e-5)
