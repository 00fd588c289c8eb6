"""``kedro serve`` as a process: it listens where it says, answers, stops in order, refuses what cannot be served."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import psutil
import pytest
from click.testing import CliRunner
from tests.conftest import PROJECT

from tweet_sentiment.commands.serve import serve

ENVIRONMENT = os.environ | {"DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
JUNK = [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b""]
POSTS = ["I love it, best game in years!", "So bad... it KEEPS crashing"]


def command(*arguments):
    return [sys.executable, "-m", "kedro", "serve", *map(str, arguments)]


@contextlib.contextmanager
def served(folder, *arguments, **environment):
    """Serve a model on a free port; give its address, what it said so far, and the process, which is ended at last."""
    process = subprocess.Popen(
        command("--model", folder, "--port", 0, "--precision", "fp32", *arguments),
        cwd=PROJECT,
        env=ENVIRONMENT | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = ""
        while not (found := re.search(r"on (http://\S+) ", said)):
            line = process.stdout.readline()
            assert line, said
            said += line
        yield found[1], said, process
    finally:
        process.kill()
        process.wait()


def test_it_listens_on_loopback_answers_and_ends_with_0_after_the_requests_under_way(plain_folder, predictor):
    with served(plain_folder) as (address, said, process), httpx2.Client(base_url=address) as client:
        assert address.startswith("http://127.0.0.1:")
        assert f"Serving {plain_folder} (layer_unfreezing, leak_free) on http" in said
        assert "API key" not in said
        assert client.get("/health").json()["status"] == "ok"
        records = client.post("/predict", json={"texts": POSTS}).json()
        assert [one["label"] for one in records] == [one["label"] for one in predictor.records(POSTS)]
        answers = []
        many = {"texts": [f"{i} {'never ever again ' * 50}" for i in range(1000)]}
        ask = threading.Thread(
            target=lambda: answers.append(httpx2.post(f"{address}/predict", json=many, timeout=None))
        )
        ask.start()
        while not client.get("/health").json()["waiting_posts"] and ask.is_alive():
            time.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        ask.join()
        assert answers[0].status_code == 200, answers[0].text
        assert len(answers[0].json()) == 1000
        assert process.wait(300) == 0
        assert process.stdout.read().strip() == "Stopped."


@pytest.mark.slow
def test_it_warns_where_others_can_ask_bears_junk_and_slow_bodies_and_ends_at_ctrl_c(plain_folder):
    with served(plain_folder, "--body-timeout", 0.5, "--host", "0.0.0.0") as (address, said, process):
        assert "there is no API key" in said
        here = ("127.0.0.1", int(address.rpartition(":")[2]))
        for junk in JUNK:
            with socket.create_connection(here) as raw:
                raw.sendall(junk)
        with socket.create_connection(here) as raw:
            raw.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 9\r\n\r\n{")
            answer = b"".join(iter(lambda: raw.recv(10_000), b""))
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"The body did not arrive within 0.5 s" in answer
        assert httpx2.get(f"http://127.0.0.1:{here[1]}/health").status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(300) == 0
        assert process.stdout.read().strip().splitlines()[-1] == "Stopped."


@pytest.mark.slow
def test_two_workers_answer_all_are_counted_and_one_that_is_killed_is_replaced(plain_folder, tmp_path):
    def workers():
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="utf-8").split()
        return {one for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()}

    def ask_until(enough):
        """Ask on new connections until these workers have all answered; return how many answers there were."""
        asked = 0
        while not all(list(tmp_path.glob(f"*/counter_{one}.db")) for one in enough()):
            with contextlib.suppress(httpx2.TransportError):
                answer = httpx2.post(f"{address}/predict", json={"texts": POSTS})
                assert answer.status_code == 200
                asked += 1
            time.sleep(0.05)
        return asked

    def counted():
        figures = httpx2.get(f"{address}/metrics").text
        assert "tweet_sentiment_waiting_posts 0.0" in figures
        return float(
            re.search(r'^tweet_sentiment_requests_total{path="/predict",status="200"} (\S+)', figures, re.M)[1]
        )

    with served(plain_folder, "--workers", 2, TMPDIR=str(tmp_path)) as (address, said, process):
        assert " by 2 workers " in said
        asked = ask_until(lambda: workers() if len(workers()) == 2 else ["none"])
        both = workers()
        assert counted() == asked
        os.kill(int(min(both)), signal.SIGKILL)
        asked += ask_until(lambda: workers() - both or ["none"])
        assert asked <= counted() <= asked + 1  # one may have been answered by the worker that was killed
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 0
        assert process.stdout.read().strip() == "Stopped."
    assert not list(tmp_path.iterdir())


PARENT = """
import multiprocessing, time
from tweet_sentiment.interrupts import end_with_parent
def work():
    end_with_parent()
    print(multiprocessing.current_process().pid, flush=True)
    time.sleep(600)
if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=work).start()
"""


def test_a_worker_ends_when_the_process_that_started_it_is_killed(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    parent = subprocess.Popen([sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE, text=True)
    worker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    with contextlib.suppress(psutil.NoSuchProcess):
        while worker.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.1)


@pytest.mark.slow
def test_the_key_may_come_from_the_environment(plain_folder):
    with served(plain_folder, TWEET_SENTIMENT_API_KEY="secret") as (address, _, _):
        assert httpx2.post(f"{address}/predict", json={"texts": "a"}).status_code == 401
        answer = httpx2.post(f"{address}/predict", json={"texts": "a"}, headers={"X-API-Key": "secret"})
        assert answer.status_code == 200


def refused(*arguments):
    done = CliRunner().invoke(serve, [*map(str, arguments), "--precision", "fp32"])
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)  # not the mistake's own traceback
    return done.output


def test_a_taken_port_a_wrong_limit_or_key_and_an_absent_model_are_one_message(plain_folder, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"Cannot listen on 127.0.0.1:{port}" in refused("--model", plain_folder, "--port", port)
    assert "Cannot listen on 192.0.2.1:0" in refused("--model", plain_folder, "--port", 0, "--host", "192.0.2.1")
    assert "The limit posts is 0: give a number above 0" in refused("--model", plain_folder, "--max-posts", 0)
    assert "no manifest.json here" in refused("--model", tmp_path, "--port", 0)
    assert "The API key is blank" in refused("--model", plain_folder, "--port", 0, "--api-key", " ")
