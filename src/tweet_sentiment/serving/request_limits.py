"""What every request passes first: the key, the size of its body, the time it may take; and headers on every answer."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from time import perf_counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tweet_sentiment.serving.limits import Limits
from tweet_sentiment.serving.problems import ProblemError, problem

KEY_HEADER = "X-API-Key"
OPEN = {"/", "/health", "/docs", "/openapi.json", "/favicon.ico"}  # and /page/: they tell nothing and compute nothing
CSV_PATH = "/predict/csv"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Observe = Callable[[Scope, int, float], object]


class RequestLimits:
    """Wraps the whole application. ``observe`` is told scope, status and seconds of every request."""

    def __init__(self, app: ASGIApp, limits: Limits, api_key: str | None, observe: Observe) -> None:
        self._app, self._limits, self._observe = app, limits, observe
        self._key = api_key.encode() if api_key else None
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, answer = perf_counter(), _Answer(send)
        self._under_way += 1
        try:
            if self._under_way > self._limits.requests:  # or their bodies could fill the memory
                raise ProblemError(503, "Too many requests at once. Ask again in a moment.", {"Retry-After": "1"})
            await self._timed(scope, receive, answer)
        except ProblemError as error:
            await problem(error.status, error.detail, error.headers)(scope, receive, answer)
        except Exception:
            if answer.status is None:
                told = "The service failed at this request; its log says more. Other requests are answered."
                await problem(500, told)(scope, receive, answer)
            raise
        finally:
            self._under_way -= 1
            self._observe(scope, answer.status or 499, perf_counter() - start)

    async def _timed(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        csv = scope["path"] == CSV_PATH
        seconds = self._limits.csv_seconds if csv else self._limits.seconds
        self._check_key(scope)
        reading = True
        try:
            async with asyncio.timeout(seconds):
                body = await _read(scope, receive, self._limits.csv_body if csv else self._limits.body)
                reading = False
                await self._app(scope, body, answer)
        except TimeoutError:
            if answer.status is not None:
                raise
            if reading:
                raise ProblemError(408, f"The body did not arrive within {seconds:g} s. Send it again.") from None
            raise ProblemError(
                504, f"No answer within {seconds:g} s. Send fewer posts, or ask again when the service is less busy."
            ) from None

    def _check_key(self, scope: Scope) -> None:
        if self._key is None or scope["path"] in OPEN or scope["path"].startswith("/page/"):
            return
        given = Headers(scope=scope).get(KEY_HEADER)
        if given is None or not secrets.compare_digest(given.encode(), self._key):
            found = "is missing" if given is None else "is not the right one"
            raise ProblemError(401, f"The API key {found}. Send it in the header {KEY_HEADER}.")


class _Answer:
    """Passes an answer on with our headers, and remembers its status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


async def _read(scope: Scope, receive: Receive, most: int) -> Callable[[], Awaitable[Message]]:
    """Read the whole body, and return a ``receive`` that gives it.

    Raises:
        ProblemError: it is larger than ``most`` bytes (413).
    """
    too_large = ProblemError(413, f"The body is larger than {most:,} bytes. Send the posts in parts.")
    length = Headers(scope=scope).get("content-length", "")
    if length.isdecimal() and int(length[:20]) > most:
        raise too_large
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > most:
            raise too_large
        more = message.get("more_body", False)
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": b"".join(chunks), "more_body": False}

    return replay
