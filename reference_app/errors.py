"""The errors of the reference services.

SetupError               the command line cannot do what was asked       one line, exit 2
RequestError             an error response                               {"error": {...}}
├── MalformedError       the body is not JSON                            400
├── NotFoundError        the entity does not exist                       404
├── InvalidError         a value outside the allowed range               422
├── RefusedError         not authenticated                               401
├── ConflictError        the state of the entity does not allow it       409
└── OverloadedError      no connection, or a statement took too long     503
    └── CircuitOpenError rejected by a circuit breaker                   503
"""

import math
from collections.abc import Mapping
from typing import ClassVar


class SetupError(Exception):
    """An error of the command line; its text is one line with the remedy."""


class RequestError(Exception):
    """An error response; its text is sent to the client."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"
    headers: Mapping[str, str] = {}


class MalformedError(RequestError):
    """The body is not JSON."""

    status = 400
    code = "malformed"


class NotFoundError(RequestError):
    """The entity of the request does not exist."""

    status = 404
    code = "not_found"

    def __init__(self, kind: str, identity: object) -> None:
        super().__init__(f"{kind} {identity} does not exist")


class InvalidError(RequestError):
    """A value is outside the allowed range."""

    status = 422
    code = "invalid"


class RefusedError(RequestError):
    """Wrong credentials, or an invalid token; the text does not say which."""

    status = 401
    code = "refused"
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class ConflictError(RequestError):
    """The state of the entity does not allow the request."""

    status = 409
    code = "conflict"


class OverloadedError(RequestError):
    """The database did not respond in time."""

    status = 503
    code = "overloaded"


class CircuitOpenError(OverloadedError):
    """A circuit breaker is open after repeated failures."""

    code = "circuit_open"

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(f"the {name} is not available; try again in {math.ceil(seconds)} s")
        self.headers = {"Retry-After": str(max(math.ceil(seconds), 1))}
