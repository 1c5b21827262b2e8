"""Arguments of a request, so that the routes of a service read as a table."""

import re
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from reference_app.answers import JSON
from reference_app.errors import InvalidError, MalformedError
from reference_app.fields import EARLIEST, EMAIL_PATTERN, LARGEST_ID, LATEST, NAME_PATTERN

LIMIT_DEFAULT, LIMIT_LARGEST = 10, 100

Argument = Callable[[Request], Awaitable[Any]]
"""Reads one argument from a request; raises the error that describes an invalid one."""

_NAME, _EMAIL = re.compile(NAME_PATTERN), re.compile(EMAIL_PATTERN)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def endpoint(
    act: Callable[..., Awaitable[bytes]], *arguments: Argument, status: int = 200
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that returns the result of ``act`` for these arguments."""

    async def respond(request: Request) -> Response:
        return JSON(await act(*[await argument(request) for argument in arguments]), status)

    return respond


def path_id(name: str) -> Argument:
    """An id in the path."""

    async def read(request: Request) -> int:
        return _whole_number(name, request.path_params[name], LARGEST_ID)

    return read


def path_name(name: str) -> Argument:
    """A name in the path."""
    return _path_text(name, _NAME, "1 to 40 of a-z, 0-9 and -, beginning with a letter or digit")


def path_email(name: str) -> Argument:
    """An e-mail address in the path."""
    return _path_text(name, _EMAIL, "an e-mail address in lower case")


def path_day(name: str) -> Argument:
    """A day in the path."""
    first, last = EARLIEST.date(), (LATEST - timedelta(days=1)).date()

    async def read(request: Request) -> date:
        text = request.path_params[name]
        try:
            day = date.fromisoformat(text if _DAY.fullmatch(text) else "")
        except ValueError:
            day = date.min
        if not first <= day <= last:
            raise InvalidError(f"{name}: must be a day from {first} to {last}")
        return day

    return read


async def bearer(request: Request) -> str:
    """The bearer token of the Authorization header; empty without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def fixed(value: object) -> Argument:
    """A constant argument."""

    async def read(_: Request) -> object:
        return value

    return read


async def limit(request: Request) -> int:
    """The maximum number of list entries."""
    text = request.query_params.get("limit")
    return LIMIT_DEFAULT if text is None else _whole_number("limit", text, LIMIT_LARGEST)


def cursor(name: str) -> Argument:
    """The id in the query after which the list continues; None at its beginning."""

    async def read(request: Request) -> int | None:
        text = request.query_params.get(name)
        return None if text is None else _whole_number(name, text, LARGEST_ID)

    return read


def choice(name: str, allowed: type[StrEnum]) -> Argument:
    """One of the allowed words in the query; None without it."""

    async def read(request: Request) -> StrEnum | None:
        text = request.query_params.get(name)
        if text is not None and text not in set(allowed):
            raise InvalidError(f"{name}: must be one of {', '.join(allowed)}")
        return None if text is None else allowed(text)

    return read


def body(shape: type[BaseModel]) -> Argument:
    """The body as ``shape``; an empty body counts as an empty object."""

    async def read(request: Request) -> BaseModel:
        raw = await request.body() or b"{}"
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise MalformedError(f"the body is not JSON: {error}") from None
        try:
            return shape.model_validate(value)
        except ValidationError as error:
            raise InvalidError("; ".join(_problem(found) for found in error.errors(include_url=False))) from None

    return read


def _path_text(name: str, pattern: re.Pattern[str], what: str) -> Argument:
    async def read(request: Request) -> str:
        text: str = request.path_params[name]
        if not pattern.fullmatch(text):
            raise InvalidError(f"{name}: must be {what}")
        return text

    return read


def _whole_number(name: str, text: str, largest: int) -> int:
    if not _WHOLE_NUMBER.fullmatch(text) or not 1 <= int(text) <= largest:
        raise InvalidError(f"{name}: must be a whole number from 1 to {largest}")
    return int(text)


def _problem(found: Any) -> str:  # noqa: ANN401 - pydantic_core's ErrorDetails
    where = ".".join(str(part) for part in found["loc"]) or "body"
    return f"{where}: {found['msg']}"
