"""Reading requests and writing answers: the one place that decides what an error looks like."""

import re
from typing import Any, TypeVar

import orjson
import psycopg
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from reference_app.errors import InvalidError, MalformedError, OverloadedError, RequestError

_WHOLE_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)
LARGEST_ID = 2**63 - 1

B = TypeVar("B", bound=BaseModel)


class JSON(Response):
    """An answer whose body is encoded already: what the cache holds is what the client gets."""

    media_type = "application/json"

    def __init__(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(body, status, headers)


def encode(value: object) -> bytes:
    """A value as JSON."""
    return orjson.dumps(value)


def path_id(request: Request, name: str) -> int:
    """The id in the path, or a message that says what an id is."""
    return _whole_number(name, request.path_params[name], LARGEST_ID)


def query_number(request: Request, name: str, *, default: int, largest: int) -> int:
    """A number from the query string."""
    text = request.query_params.get(name)
    return default if text is None else _whole_number(name, text, largest)


async def read_body(request: Request, shape: type[B]) -> B:
    """The body as ``shape``; an empty body is an empty object."""
    raw = await request.body() or b"{}"
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedError(f"the body is not JSON: {error}") from None
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise InvalidError("; ".join(_problem(found) for found in error.errors(include_url=False))) from None


def _whole_number(name: str, text: str, largest: int) -> int:
    if not _WHOLE_NUMBER.fullmatch(text) or not 1 <= int(text) <= largest:
        raise InvalidError(f"{name}: must be a whole number from 1 to {largest}")
    return int(text)


def _problem(found: Any) -> str:  # noqa: ANN401 - pydantic_core's ErrorDetails
    where = ".".join(str(part) for part in found["loc"]) or "body"
    return f"{where}: {found['msg']}"


def _error(status: int, code: str, message: str) -> JSON:
    return JSON(encode({"error": {"code": code, "message": message}}), status)


def _request_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)  # noqa: S101 - registered for this class alone
    return _error(error.status, error.code, str(error))


def _http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    answer = _error(error.status_code, error.detail.lower().replace(" ", "_"), error.detail)
    answer.headers.update(error.headers or {})
    return answer


def _operational_error(_: Request, __: Exception) -> Response:
    """A statement that took too long, a server that went away: the client may try again."""
    return _error(OverloadedError.status, OverloadedError.code, "the database did not answer in time")


EXCEPTION_HANDLERS: dict[Any, Any] = {
    RequestError: _request_error,
    HTTPException: _http_exception,
    psycopg.OperationalError: _operational_error,
}
