"""Errors as JSON that says what to correct (RFC 9457): ours, the framework's, and those of a request's body."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from tweet_sentiment.serving.schemas import Problem

PROBLEM_TYPE = "application/problem+json"
EXPECTED = 'Send {"texts": ["a post", "another"]} as application/json'
SHOWN = 40  # characters of what was found
BUSY = {"Retry-After": "1"}


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
    """Answer all errors, including the framework's, as problems."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail = error.detail
    if not isinstance(error, ProblemError):
        allowed = (error.headers or {}).get("Allow", "another method")
        ours = {
            400: 'The body cannot be read. Send {"texts": ["a post"]} as application/json, in UTF-8.',
            404: f"There is no {request.url.path} here; /docs lists the paths.",
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
    """Return ``texts[3]`` for ``("body", "texts", "list[str]", 3)``: the names of a union's branches are left out."""
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
