"""The checks of every request: host, key, limits of size and time."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tweet_sentiment.serving.limits import Limits
from tweet_sentiment.serving.problems import BUSY, SHOWN, ProblemError, problem
from tweet_sentiment.serving.tables import check_size

KEY_HEADER = "X-API-Key"
OPEN_PATHS = {"/", "/health", "/docs", "/openapi.json", "/favicon.ico"}  # and /page/: asked without a key
CSV_PATH = "/predict/csv"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class RequestLimits:
    """Wraps the whole application. ``observe`` gets scope, status and seconds of every request.

    Requests must name one of ``hosts`` in their header Host. Otherwise a page of any site could reach a service on
    loopback by a name that resolves there (DNS rebinding). A request whose client has left is cancelled.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        api_key: str | None,
        hosts: Sequence[str],
        observe: Callable[[Scope, int, float], object],
    ) -> None:
        self._app, self._limits, self._observe = app, limits, observe
        self._hosts = TrustedHostMiddleware(_pass, hosts, www_redirect=False)
        self._key = api_key.encode() if api_key else None
        self._held = {False: 0, True: 0}  # bytes of bodies: of CSVs, or not

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer with the reason for its refusal."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        async def refuse(status_code: int, detail: str, headers: Any = None) -> None:
            if not status:
                await problem(status_code, detail, headers)(scope, receive, send_with_headers)

        try:
            await self._check(scope, receive)
            async with self._body(scope, receive) as body:
                await self._answer(scope, body, receive, send_with_headers)
        except ClientDisconnect:
            pass
        except ProblemError as error:
            await refuse(error.status_code, error.detail, error.headers)
        except asyncio.CancelledError:  # by the server, which has waited long enough
            await refuse(503, "The service is stopping. Ask again when it is back.")
        except Exception:
            await refuse(500, "The service failed at this request; its log says more. Other requests are answered.")
            raise
        finally:
            self._observe(scope, status or 499, perf_counter() - start)

    async def _check(self, scope: Scope, receive: Receive) -> None:
        headers, refusals = Headers(scope=scope), list[Message]()

        async def note(message: Message) -> None:
            refusals.append(message)

        await self._hosts(scope, receive, note)
        if refusals:
            found = headers.get("host", "")
            raise ProblemError(400, f"This service has no name '{found[:SHOWN]}'; --allowed-host adds one.")
        if scope["method"] not in ("GET", "HEAD") and _from_another_site(headers):
            raise ProblemError(403, "Pages of other sites may not use this service. Use its own page, or a program.")
        if self._key is None or scope["path"] in OPEN_PATHS or scope["path"].startswith("/page/"):
            return
        given = headers.get(KEY_HEADER)
        if given is None or not secrets.compare_digest(given.encode(), self._key):
            found = "is missing" if given is None else "is not the right one"
            raise ProblemError(401, f"The API key {found}. Send it in the header {KEY_HEADER}.")

    @asynccontextmanager
    async def _body(self, scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
        """Yield the body; its bytes count as held until the request has been answered."""
        limits, csv, body, counted = self._limits, scope["path"] == CSV_PATH, bytearray(), 0
        most = limits.csv_body if csv else limits.body
        try:
            try:
                async with asyncio.timeout(limits.body_seconds):
                    more = True
                    while more:
                        message = await receive()
                        if message["type"] == "http.disconnect":
                            raise ClientDisconnect
                        body += message.get("body", b"")
                        self._held[csv] += len(message.get("body", b""))
                        if len(body) > most:
                            raise ProblemError(413, f"The body is larger than {most:,} bytes. Send the posts in parts.")
                        if self._held[csv] > limits.held:
                            raise ProblemError(503, "Too many requests at once. Ask again in a moment.", BUSY)
                        if csv and len(body) > 2 * counted:  # each byte twice, however many come at a time
                            check_size(body, limits)
                            counted = len(body)
                        more = message.get("more_body", False)
            except TimeoutError:
                said = f"The body did not arrive within {limits.body_seconds:g} s. Send it again."
                raise ProblemError(408, said) from None
            yield bytes(body)
        finally:
            self._held[csv] -= len(body)

    async def _answer(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """Let the application answer while the client waits and the time limit allows."""
        seconds = self._limits.csv_seconds if scope["path"] == CSV_PATH else self._limits.seconds
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        gone = asyncio.create_task(_disconnected(receive))

        async def receive_read() -> Message:
            return messages.pop() if messages else await asyncio.shield(gone)

        answer = asyncio.ensure_future(self._app(scope, receive_read, send))
        try:
            await asyncio.wait((answer, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                answer.result()
            elif gone.done():
                raise ClientDisconnect
            else:
                advice = "Send fewer posts, or ask again when the service is less busy."
                raise ProblemError(504, f"No answer within {seconds:g} s. {advice}")
        finally:
            answer.cancel()
            gone.cancel()
            await asyncio.gather(answer, gone, return_exceptions=True)


async def _pass(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer nothing: the host is one of the service's."""


async def _disconnected(receive: Receive) -> Message:
    """Return when the client is gone, or has its answer."""
    while (message := await receive())["type"] != "http.disconnect":
        pass
    return message


def _from_another_site(headers: Headers) -> bool:
    """Tell whether a request comes from a page of another site, by the headers that browsers send."""
    if (site := headers.get("sec-fetch-site")) is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host")
