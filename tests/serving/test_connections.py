"""Connections that wait for nothing are ended, and who leaves or is still there at the end is seen to."""

import json
import socket
import threading
import time

import httpx2
import pytest
from tests.serving.conftest import Watched, served

from tweet_sentiment.serving.limits import Limits

QUICK = Limits(header_seconds=0.3, body_seconds=0.6, headers=5_000, stop_seconds=1)
POST = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def until_closed(address, *sent, every=0.05):
    """Send bytes, then one more again and again; return what comes until the other side closes."""
    with socket.create_connection(address, timeout=300) as raw:
        found = b""
        for one in sent:
            raw.sendall(one)
        raw.settimeout(every)
        end = time.monotonic() + 300
        while time.monotonic() < end:
            try:
                if not (more := raw.recv(65_536)):
                    return found
                found += more
            except TimeoutError:
                try:
                    raw.sendall(b"x" if sent else b"")
                except OSError:
                    return found
            except OSError:
                return found
    pytest.fail("the connection was not closed")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ((), b""),
        ((b"POST /predict HTTP/1.1\r\nX-Slow: ",), b""),
        ((POST % 1000,), b"408"),
        ((b"POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",), b"408"),
        ((b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /health HTTP/1.1\r\nX-Slow: "), b"200"),
        ((b"GET /health HTTP/1.1\r\nX-Long: ", b"x" * 500_000), b"400"),
    ],
    ids=["half open", "slow headers", "slow body", "slow body to nowhere", "slow second request", "huge headers"],
)
def test_a_connection_that_lets_the_service_wait_is_closed(predictor, sent, status):
    with served(predictor, QUICK) as (address, _):
        found = until_closed(address, *sent)
        assert found.split(b" ")[1:2] == [status] * bool(status) or (status == b"400" and not found)
        assert httpx2.get(f"http://{address[0]}:{address[1]}/health").status_code == 200


def test_connections_beyond_the_limit_are_closed_and_shut_nobody_out(predictor):
    with served(predictor, Limits(header_seconds=0.5, connections=5)) as (address, _):
        idle = [socket.create_connection(address) for _ in range(20)]
        assert sum(not one.recv(1) for one in idle[-10:]) == 10
        end = time.monotonic() + 300
        while time.monotonic() < end:
            try:
                answer = httpx2.get(f"http://{address[0]}:{address[1]}/health")
            except httpx2.TransportError:
                continue
            if answer.status_code == 200:
                break
        assert answer.status_code == 200
        for one in idle:
            one.close()


def test_who_leaves_is_not_calculated_for(predictor):
    begun, go_on = threading.Event(), threading.Event()

    def wait(texts):
        begun.set()
        go_on.wait(300)

    watched = Watched(predictor, wait)
    body = json.dumps({"texts": ["a"] * 1000}).encode()
    with served(watched, Limits(batch=10)) as (address, _):
        leaving = [socket.create_connection(address) for _ in range(5)]
        for one in leaving:
            one.sendall(POST % len(body) + body)
        assert begun.wait(300)
        url = f"http://{address[0]}:{address[1]}"
        while httpx2.get(f"{url}/health").json()["waiting_posts"] < 5000:
            time.sleep(0.01)
        for one in leaving:
            one.close()
        while httpx2.get(f"{url}/health").json()["waiting_posts"]:
            time.sleep(0.01)
        go_on.set()
        assert httpx2.post(f"{url}/predict", json={"texts": "b"}).status_code == 200
        assert sum(watched.calls) == 11


def test_who_is_still_waiting_when_the_service_stops_is_told_so(predictor):
    begun, go_on, answers = threading.Event(), threading.Event(), []

    def wait(texts):
        begun.set()
        go_on.wait(300)

    with served(Watched(predictor, wait), QUICK) as (address, server):
        url = f"http://{address[0]}:{address[1]}/predict"
        ask = threading.Thread(target=lambda: answers.append(httpx2.post(url, json={"texts": "a"}, timeout=300)))
        ask.start()
        assert begun.wait(300)
        server.should_exit = True
        ask.join()
        go_on.set()
    assert answers[0].status_code == 503
    assert answers[0].headers["content-type"] == "application/problem+json"
    assert answers[0].json()["detail"] == "The service is stopping. Ask again when it is back."
