"""What can go wrong for a reason that somebody can act on.

SetupError               the command line cannot do what was asked       one line, exit 2
RequestError             an answer other than success                    {"error": {...}}
├── MalformedError       the body is not JSON                            400
├── NotFoundError        the thing does not exist                        404
├── InvalidError         a value outside what is allowed                 422
├── RefusedError         who asks has not shown that they may            401
├── ConflictError        the state of the thing does not allow it        409
└── OverloadedError      no connection, or a statement took too long     503
    └── CircuitOpenError it failed so often that it is left alone        503
"""

import math
from collections.abc import Mapping
from typing import ClassVar


class SetupError(Exception):
    """The text is one line that says what to do."""


class RequestError(Exception):
    """The text is shown to the client."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"
    headers: Mapping[str, str] = {}


class MalformedError(RequestError):
    """The body is not JSON."""

    status = 400
    code = "malformed"


class NotFoundError(RequestError):
    """What the request is about does not exist."""

    status = 404
    code = "not_found"

    def __init__(self, kind: str, identity: object) -> None:
        super().__init__(f"{kind} {identity} does not exist")


class InvalidError(RequestError):
    """A value outside what is allowed."""

    status = 422
    code = "invalid"


class RefusedError(RequestError):
    """Wrong credentials, or a token that is not valid; which of them is not said."""

    status = 401
    code = "refused"
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class ConflictError(RequestError):
    """The state of what the request is about does not allow it."""

    status = 409
    code = "conflict"


class OverloadedError(RequestError):
    """The database did not answer in time."""

    status = 503
    code = "overloaded"


class CircuitOpenError(OverloadedError):
    """What is needed failed too often to be tried again yet."""

    code = "circuit_open"

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(f"the {name} is not available; try again in {math.ceil(seconds)} s")
        self.headers = {"Retry-After": str(max(math.ceil(seconds), 1))}
