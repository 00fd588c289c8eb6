"""``kedro serve`` in a process of its own, and clients that ask it one post after another over open connections."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, takewhile
from statistics import quantiles
from time import perf_counter
from typing import Any

from benchmarks.serving_sides import posts
from benchmarks.task import PROJECT


@contextmanager
def service(model: str, threads: int) -> Iterator[int]:
    """Serve a model on a free port of loopback; give the port.

    Raises:
        RuntimeError: it did not start; the message is what it said.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "kedro", "serve", "--model", model, "--port", "0"],
        cwd=PROJECT,
        env=os.environ | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = ""
        while not (found := re.search(r"on http://\S+?:(\d+) ", said)):
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(said)
            said += line
        yield int(found[1])
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            print("The service did not stop within 60 s, and was killed.", file=sys.stderr)


def load(port: int, clients: int, requests: int | None = None, seconds: float = 0) -> dict[str, Any]:
    """Send ``requests`` requests of one post each, or any number for ``seconds``; ``clients`` share them.

    Return rate, times, errors and memory.
    """
    return asyncio.run(_load(port, clients, requests, seconds))


async def _load(port: int, clients: int, requests: int | None, seconds: float) -> dict[str, Any]:
    bodies = [json.dumps({"texts": text}).encode() for text in posts(min(requests or 1000, 1000))]
    before = await _memory(port)
    times: list[float] = []
    errors: list[str] = []
    start = perf_counter()
    turns = iter(range(requests)) if requests else takewhile(lambda _: perf_counter() < start + seconds, count())
    await asyncio.gather(*(_client(port, bodies, turns, times, errors) for _ in range(clients)))
    seconds = perf_counter() - start
    marks = quantiles(times, n=100) if len(times) > 1 else [0.0] * 99
    return {
        "clients": clients,
        "requests": len(times) + len(errors),
        "errors": len(errors),
        "first_error": errors[0] if errors else None,
        "statuses": dict(Counter([error.partition(":")[0] for error in errors])) | {"200": len(times)},
        "rows_per_second": len(times) / seconds,
        "p50_ms": 1000 * marks[49],
        "p95_ms": 1000 * marks[94],
        "p99_ms": 1000 * marks[98],
        "memory_before_mb": before,
        "memory_after_mb": await _memory(port),
    }


async def _client(port: int, bodies: list[bytes], turns: Iterator[int], times: list[float], errors: list[str]) -> None:
    """Take the next request until there is none; an error is noted, and the connection opened anew."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for turn in turns:
        start = perf_counter()
        try:
            status, body = await _asked(reader, writer, "POST /predict", bodies[turn % len(bodies)])
            if status == 200:
                times.append(perf_counter() - start)
                continue
            errors.append(f"{status}: {body[:200].decode(errors='replace')}")
        except (OSError, EOFError) as error:  # EOFError: it was closed before the whole answer was there
            errors.append(repr(error))
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()


async def _asked(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, what: str, body: bytes = b""
) -> tuple[int, bytes]:
    """Send one request over an open connection; a client library would take more time than the service."""
    head = (
        f"{what} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", answer, re.I)
    assert length is not None, answer
    return int(answer.split(b" ")[1]), await reader.readexactly(int(length[1]))


async def _memory(port: int) -> float:
    """Return the service's resident memory in MiB, as its own metrics say."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    _, body = await _asked(reader, writer, "GET /metrics")
    writer.close()
    found = re.search(rb"^process_resident_memory_bytes (\S+)", body, re.M)
    return float(found[1]) / (1 << 20) if found else 0.0
