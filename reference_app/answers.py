"""JSON responses, and the form of error responses."""

from typing import Any

import orjson
import psycopg
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from reference_app.errors import OverloadedError, RequestError


class JSON(Response):
    """A response whose body is encoded already, as the cache stores it."""

    media_type = "application/json"

    def __init__(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(body, status, headers)


def encode(value: object) -> bytes:
    """Encode a value as JSON."""
    return orjson.dumps(value)


def _error(status: int, code: str, message: str) -> JSON:
    return JSON(encode({"error": {"code": code, "message": message}}), status)


def _request_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)  # noqa: S101 - registered for this class alone
    answer = _error(error.status, error.code, str(error))
    answer.headers.update(error.headers)
    return answer


def _http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    answer = _error(error.status_code, error.detail.lower().replace(" ", "_"), error.detail)
    answer.headers.update(error.headers or {})
    return answer


def _operational_error(_: Request, __: Exception) -> Response:
    """503 for a statement timeout or a lost connection: the client may try again."""
    return _error(OverloadedError.status, OverloadedError.code, "the database did not answer in time")


EXCEPTION_HANDLERS: dict[Any, Any] = {
    RequestError: _request_error,
    HTTPException: _http_exception,
    psycopg.OperationalError: _operational_error,
}
