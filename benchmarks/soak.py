"""A service that strangers attack: ``python -m benchmarks.soak --minutes 10`` (``make soak``).

45 good clients ask one post after another: alone for a third of the time, then beside 5 hostile ones, which run in a
process of their own. Prints rate, times and memory before and under attack, and what became of the hostile requests.
"""

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from itertools import cycle
from multiprocessing import get_context
from time import monotonic
from typing import Any

from benchmarks.serving_load import load, service
from benchmarks.serving_sides import posts

GOOD, ACTIVE, HOLDING = 45, 3, 2  # clients; of the hostile ones some ask again and again, some hold connections open
CONNECTIONS = 100  # that a holding client opens at once
PATIENCE = 90  # seconds, after which an open connection is "held", and a request "not answered"
PAUSE = 0.2  # seconds between two hostile requests of a client
WARM = 20  # seconds of attack before anything is measured
SETTLING = 5  # seconds, in which the service ends what the attack has left

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def main() -> None:
    """Serve a model, ask it alone and under attack, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--model", default="data/06_models/sample/best")
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    with service(asked.model, asked.threads) as port, ProcessPoolExecutor(1, get_context("spawn")) as hostile:
        load(port, GOOD, seconds=5)  # warm: threads and buffers are there
        hostile.submit(attack, port, WARM).result()  # those for large requests, too
        quiet = load(port, GOOD, seconds=20 * asked.minutes)
        under_attack = hostile.submit(attack, port, 40 * asked.minutes)
        attacked = load(port, GOOD, seconds=40 * asked.minutes)
        outcomes = under_attack.result()
        load(port, 1, seconds=SETTLING)
        after = load(port, GOOD, seconds=5)
        print(markdown(quiet, attacked, after, outcomes), flush=True)


def attack(port: int, seconds: float) -> dict[str, dict[str, int]]:
    """Attack for so long; return, for each kind of attack, how often it ended in what."""
    return asyncio.run(_attack(port, monotonic() + seconds))


async def _attack(port: int, end: float) -> dict[str, dict[str, int]]:
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in (*ACTIVE_KINDS, *HOLDING_KINDS)}

    async def once(name: str, kind: Callable[[Streams], Awaitable[str]]) -> None:
        try:
            streams = await asyncio.open_connection("127.0.0.1", port)
        except OSError as error:
            outcomes[name][type(error).__name__] += 1
            return
        try:
            outcomes[name][await asyncio.wait_for(kind(streams), max(1, min(PATIENCE, end - monotonic())))] += 1
        except TimeoutError:
            if monotonic() < end:
                outcomes[name]["held" if name in HOLDING_KINDS else "not answered"] += 1
        except (OSError, EOFError):
            outcomes[name]["closed"] += 1
        finally:
            streams[1].close()
            with suppress(OSError):
                await streams[1].wait_closed()

    async def client(kinds: dict[str, Any], at_once: int, first: int) -> None:
        for turn, name in enumerate(cycle(kinds)):
            if monotonic() >= end:
                return
            if turn >= first:
                await asyncio.gather(*(once(name, kinds[name]) for _ in range(at_once)))
                await asyncio.sleep(PAUSE)

    await asyncio.gather(
        *(client(ACTIVE_KINDS, 1, first) for first in range(ACTIVE)),
        *(client(HOLDING_KINDS, CONNECTIONS, first) for first in range(HOLDING)),
    )
    return {name: dict(counted) for name, counted in outcomes.items()}


def _head(path: str, kind: str, length: int) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode()


async def _status(reader: asyncio.StreamReader) -> str:
    try:
        line = await reader.readline()
    except OSError:
        line = b""
    return line.split(b" ")[1].decode() if line else "closed"


def _sends(path: str, kind: str, body: bytes) -> Callable[[Streams], Awaitable[str]]:
    """Return an attack that sends one body, and reads the status."""

    async def send(streams: Streams) -> str:
        reader, writer = streams
        answer = asyncio.create_task(_status(reader))  # it may come before all has been sent
        with suppress(OSError):
            writer.write(_head(path, kind, len(body)) + body)
            await writer.drain()
        return await answer

    return send


async def _abandons(streams: Streams) -> str:
    body = json.dumps({"texts": posts(1000)}).encode()
    streams[1].write(_head("/predict", "application/json", len(body)) + body)
    await streams[1].drain()
    return "left"


async def _huge_headers(streams: Streams) -> str:
    """Send headers without end, 40 MB at most."""
    reader, writer = streams
    answer = asyncio.create_task(_status(reader))
    writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: ")
    with suppress(OSError):
        for _ in range(640):
            if answer.done():
                break
            writer.write(b"x" * 65_536)
            await writer.drain()
            await asyncio.sleep(0)
    return await answer


def _trickles(start: bytes) -> Callable[[Streams], Awaitable[str]]:
    """Return an attack that sends a start, and then a byte a second (none at all where there is no start)."""

    async def trickle(streams: Streams) -> str:
        reader, writer = streams
        answer = asyncio.create_task(_status(reader))
        with suppress(OSError):
            writer.write(start)
            while start and not answer.done():
                await asyncio.wait([answer], timeout=1)
                writer.write(b"x")
                await writer.drain()
        return await answer

    return trickle


ACTIVE_KINDS: dict[str, Callable[[Streams], Awaitable[str]]] = {
    "huge headers": _huge_headers,
    "abandoned, 1,000 posts": _abandons,
    "CSV of empty lines, 19 MB": _sends("/predict/csv", "text/csv", b"text\n" + b"\n" * 19_000_000 + b"a\n"),
    "CSV of 10^6 columns": _sends("/predict/csv", "text/csv", b",".join(b"c%d" % i for i in range(10**6)) + b"\n1\n"),
    "CSV of quotes, 19 MB": _sends("/predict/csv", "text/csv", b'text,id\n"a"b,"' + b'","' * 6_000_000),
    "deep JSON": _sends("/predict", "application/json", b"[" * 900_000),
    "wide JSON": _sends("/predict", "application/json", b'{"texts": [' + b"1," * 400_000 + b"1]}"),
}
HOLDING_KINDS: dict[str, Callable[[Streams], Awaitable[str]]] = {
    "slow headers": _trickles(b"POST /predict HTTP/1.1\r\nX-Slow: "),
    "slow body": _trickles(_head("/predict", "application/json", 1000)),
    "half-open": _trickles(b""),
}


def markdown(
    quiet: dict[str, Any], attacked: dict[str, Any], after: dict[str, Any], outcomes: dict[str, dict[str, int]]
) -> str:
    """Return both tables, and whether each target was met."""
    rate = attacked["rows_per_second"] / quiet["rows_per_second"]
    slower, memory = attacked["p99_ms"] / quiet["p99_ms"], after["memory_after_mb"] / quiet["memory_after_mb"]
    failed = sum(count for found in outcomes.values() for status, count in found.items() if status == "500")
    failed += attacked["statuses"].get("500", 0)
    lines = [
        "| good clients | quiet | under attack | target | met |",
        "|---|---|---|---|---|",
        f"| requests per second | {quiet['rows_per_second']:.0f} | {attacked['rows_per_second']:.0f} "
        f"| ≥ 0.5 of quiet: {rate:.2f} | {_met(rate >= 0.5)} |",
        f"| p50, ms | {quiet['p50_ms']:.0f} | {attacked['p50_ms']:.0f} | | |",
        f"| p99, ms | {quiet['p99_ms']:.0f} | {attacked['p99_ms']:.0f} "
        f"| < 5 times quiet: {slower:.1f} | {_met(slower < 5)} |",
        f"| memory, MiB | {quiet['memory_after_mb']:.0f} | {after['memory_after_mb']:.0f} "
        f"| ± 5 %: {memory - 1:+.1%} | {_met(abs(memory - 1) <= 0.05)} |",
        f"| statuses | {_counts(quiet['statuses'])} | {_counts(attacked['statuses'])} "
        f"| no 500: {failed} | {_met(not failed)} |",
        "",
        "| attack | what became of it |",
        "|---|---|",
    ]
    return "\n".join(lines + [f"| {name} | {_counts(found)} |" for name, found in outcomes.items()])


def _met(met: bool) -> str:
    return "yes" if met else "no"


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{what}: {count:,}" for what, count in sorted(found.items()))


if __name__ == "__main__":
    main()
