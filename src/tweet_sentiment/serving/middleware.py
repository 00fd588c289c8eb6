"""What every request passes first: host, key, limits of size and time; errors as JSON that says what to put right."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from time import perf_counter
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tweet_sentiment.serving.limits import Limits
from tweet_sentiment.serving.schemas import Problem

KEY_HEADER = "X-API-Key"
OPEN_PATHS = {"/", "/health", "/docs", "/openapi.json", "/favicon.ico"}  # and /page/: asked without a key
CSV_PATH = "/predict/csv"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
BUSY = {"Retry-After": "1"}
PROBLEM_TYPE = "application/problem+json"  # RFC 9457
EXPECTED = 'Send {"texts": ["a post", "another"]} as application/json'
SHOWN = 40  # characters of what was found
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class ProblemError(HTTPException):
    """A request that cannot be answered: the status, and what to do about it."""


def problem(status: int, detail: str, headers: Any = None) -> JSONResponse:
    """Return the response; lone surrogates, which cannot be encoded, are escaped."""
    printable = detail.encode("utf-8", "backslashreplace").decode("utf-8")
    told = Problem(title=HTTPStatus(status).phrase, status=status, detail=printable)
    return JSONResponse(told.model_dump(), status, headers, PROBLEM_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the errors of a path for the OpenAPI document."""
    content = {PROBLEM_TYPE: {"schema": Problem.model_json_schema()}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def answer_errors(app: FastAPI) -> None:
    """Answer errors, the framework's too, as problems."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail = error.detail
    if not isinstance(error, ProblemError):
        allowed = (error.headers or {}).get("Allow", "another method")
        ours = {
            400: 'The body cannot be read. Send {"texts": ["a post"]} as application/json, in UTF-8.',
            404: f"There is no {request.url.path} here; /docs lists what there is.",
            405: f"{request.url.path} does not answer {request.method}: use {allowed}.",
        }
        detail = ours.get(error.status_code, detail)
    return problem(error.status_code, detail, error.headers)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [(_place(one["loc"]), one) for one in error.errors()]
    parents = {place.partition("[")[0] for place, _ in errors if "[" in place}
    lines = {_sentence(place, one) for place, one in errors if place not in parents}
    return problem(422, " ".join(sorted(lines)))


def _place(location: tuple[int | str, ...]) -> str:
    """Return ``texts[3]`` for ``("body", "texts", "list[str]", 3)``: the names of a union's branches say nothing."""
    parts = [part for part in location[1:] if isinstance(part, int) or not part.startswith(("str", "list["))]
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def _sentence(place: str, error: dict[str, Any]) -> str:
    kind, found = error["type"], error["input"]
    shown = repr(found[:SHOWN]) if isinstance(found, str | bytes) else ascii(found)
    shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
    if kind == "json_invalid":
        return f'The body is not JSON: {error["ctx"]["error"]} at character {error["loc"][-1]}. Send {{"texts": …}}.'
    if not place or (place == "texts" and kind == "missing"):
        return f"The body is not as expected. {EXPECTED}."
    if kind == "extra_forbidden":
        return f"{place}: there is no such field; the body has the field texts."
    if kind in ("string_type", "list_type", "string_unicode"):
        return f"{place}: expected a text, found {shown}."
    return f"{place}: {error['msg']}; found {shown}."


class RequestLimits:
    """Wraps the whole application. ``observe`` is told scope, status and seconds of every request.

    Requests name one of ``hosts`` in their header Host, or else a page of any site could reach a service on loopback by
    a name of its own that leads there (DNS rebinding). A request that its client gives up is cancelled.
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
        """Let a request through, or answer why not."""
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
            raise ProblemError(400, f"This service is not called '{found[:SHOWN]}'; --allowed-host adds a name.")
        if scope["method"] not in ("GET", "HEAD") and _from_another_site(headers):
            raise ProblemError(403, "A page of another site may not ask this service. Ask from its own, or a program.")
        if self._key is None or scope["path"] in OPEN_PATHS or scope["path"].startswith("/page/"):
            return
        given = headers.get(KEY_HEADER)
        if given is None or not secrets.compare_digest(given.encode(), self._key):
            found = "is missing" if given is None else "is not the right one"
            raise ProblemError(401, f"The API key {found}. Send it in the header {KEY_HEADER}.")

    @asynccontextmanager
    async def _body(self, scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
        """Give the body; its bytes count as held until the request has been answered."""
        limits, csv, body = self._limits, scope["path"] == CSV_PATH, bytearray()
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
                        more = message.get("more_body", False)
            except TimeoutError:
                said = f"The body did not arrive within {limits.body_seconds:g} s. Send it again."
                raise ProblemError(408, said) from None
            yield bytes(body)
        finally:
            self._held[csv] -= len(body)

    async def _answer(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """Let the application answer, as long as the client waits for it and the time lasts."""
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
    """Tell by what browsers say of a page's request; programs say nothing."""
    if (site := headers.get("sec-fetch-site")) is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host")
