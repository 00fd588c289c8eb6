"""What every request passes first: the key, limits of size and time; errors as JSON that says what to put right."""

import asyncio
import secrets
from collections.abc import Callable
from http import HTTPStatus
from time import perf_counter
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tweet_sentiment.serving.schemas import Limits, Problem

KEY_HEADER = "X-API-Key"
OPEN_PATHS = {"/", "/health", "/docs", "/openapi.json", "/favicon.ico"}  # and /page/: asked without a key
CSV_PATH = "/predict/csv"
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
    """Wraps the whole application. ``observe`` is told scope, status and seconds of every request."""

    def __init__(
        self, app: ASGIApp, limits: Limits, api_key: str | None, observe: Callable[[Scope, int, float], object]
    ) -> None:
        self._app, self._limits, self._observe = app, limits, observe
        self._key = api_key.encode() if api_key else None
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limits, csv = self._limits, scope["path"] == CSV_PATH
        most, seconds = (limits.csv_body, limits.csv_seconds) if csv else (limits.body, limits.seconds)
        start, status, size, reading = perf_counter(), 0, 0, True

        async def receive_limited() -> Message:
            nonlocal size, reading
            message = await receive()
            size += len(message.get("body", b""))
            if size > most:
                raise ProblemError(413, f"The body is larger than {most:,} bytes. Send the posts in parts.")
            reading = message.get("more_body", False)
            return message

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        self._under_way += 1
        try:
            self._check(scope)
            async with asyncio.timeout(seconds):
                await self._app(scope, receive_limited, send_with_headers)
        except ClientDisconnect:
            pass
        except Exception as error:
            if not status:
                await _answer_to(error, reading, seconds)(scope, receive, send_with_headers)
            if not isinstance(error, ProblemError | TimeoutError):
                raise
        finally:
            self._under_way -= 1
            self._observe(scope, status or 499, perf_counter() - start)

    def _check(self, scope: Scope) -> None:
        if self._under_way > self._limits.requests:  # or their bodies could fill the memory
            raise ProblemError(503, "Too many requests at once. Ask again in a moment.", {"Retry-After": "1"})
        if self._key is None or scope["path"] in OPEN_PATHS or scope["path"].startswith("/page/"):
            return
        given = Headers(scope=scope).get(KEY_HEADER)
        if given is None or not secrets.compare_digest(given.encode(), self._key):
            found = "is missing" if given is None else "is not the right one"
            raise ProblemError(401, f"The API key {found}. Send it in the header {KEY_HEADER}.")


def _answer_to(error: Exception, reading: bool, seconds: float) -> JSONResponse:
    match error:
        case ProblemError():
            return problem(error.status_code, error.detail, error.headers)
        case TimeoutError() if reading:
            return problem(408, f"The body did not arrive within {seconds:g} s. Send it again.")
        case TimeoutError():
            advice = "Send fewer posts, or ask again when the service is less busy."
            return problem(504, f"No answer within {seconds:g} s. {advice}")
    return problem(500, "The service failed at this request; its log says more. Other requests are answered.")
