"""Errors as JSON that say what to put right: ``application/problem+json`` (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"
SHOWN = 40  # characters of what was found


class ProblemError(Exception):
    """A request that cannot be answered: the status, and what to do about it."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers


class Problem(BaseModel):
    """What every error answers: the status, its name, and what to put right."""

    title: str
    status: int
    detail: str


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the response; characters that JSON cannot carry (half ones) are escaped."""
    told = {"title": HTTPStatus(status).phrase, "status": status, "detail": printable(detail)}
    return JSONResponse(told, status, headers, MEDIA_TYPE)


def printable(text: str) -> str:
    """Return the text with lone surrogates written out: they cannot be encoded."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the errors of a path for the OpenAPI document."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def install(app: FastAPI) -> None:
    """Answer every error of ours, of the framework and of nobody's as a problem."""
    app.add_exception_handler(ProblemError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)


async def _ours(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)
    return problem(error.status, error.detail, error.headers)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [dict(one) for one in error.errors()]
    places = {_place(one["loc"]) for one in errors}
    lines = {
        _sentence(one) for one in errors if not any(place.startswith(f"{_place(one['loc'])}[") for place in places)
    }
    return problem(422, " ".join(sorted(lines)))


def _sentence(error: dict[str, Any]) -> str:
    place = _place(error["loc"])
    match error["type"]:
        case "json_invalid":
            return (
                f'The body is not JSON: {error["ctx"]["error"]} at character {error["loc"][-1]}. Send {{"texts": …}}.'
            )
        case _ if not place or (place == "texts" and error["type"] == "missing"):
            return 'The body is not as expected. Send {"texts": ["a post", "another"]} as application/json.'
        case "extra_forbidden":
            return f"{place}: there is no such field; the body has the field texts."
        case "string_type" | "list_type" | "string_unicode":
            return f"{place}: expected a text, found {_shown(error['input'])}."
    return f"{place}: {error['msg']}; found {_shown(error['input'])}."


def _place(location: tuple[int | str, ...]) -> str:
    """Return ``texts[3]`` for ``("body", "texts", "list[str]", 3)``: the names of a union's branches say nothing."""
    parts = [part for part in location[1:] if isinstance(part, int) or not part.startswith(("str", "list["))]
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def _shown(found: Any) -> str:
    shown = ascii(found) if not isinstance(found, str | bytes) else repr(found[:SHOWN])
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"


async def _framework(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 404:
        return problem(404, f"There is no {request.url.path} here; /docs lists what there is.")
    if error.status_code == 405:
        allowed = headers.get("allow") or headers.get("Allow") or "another method"
        return problem(405, f"{request.url.path} does not answer {request.method}: use {allowed}.", headers)
    if error.status_code == 400:
        return problem(400, 'The body cannot be read. Send {"texts": ["a post"]} as application/json, in UTF-8.')
    return problem(error.status_code, str(error.detail), headers)
