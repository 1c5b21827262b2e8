"""What can go wrong for a reason that somebody can act on.

SetupError               the command line cannot do what was asked       one line, exit 2
RequestError             an answer other than success                    {"error": {...}}
├── MalformedError       the body is not JSON                            400
├── NotFoundError        the thing does not exist                        404
├── InvalidError         a value outside what is allowed                 422
└── OverloadedError      no connection, or a statement took too long     503
"""

from typing import ClassVar


class SetupError(Exception):
    """The text is one line that says what to do."""


class RequestError(Exception):
    """The text is shown to the client."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"


class MalformedError(RequestError):
    """The body is not JSON."""

    status = 400
    code = "malformed"


class NotFoundError(RequestError):
    """What the request is about does not exist."""

    status = 404
    code = "not_found"

    def __init__(self, kind: str, identity: int) -> None:
        super().__init__(f"{kind} {identity} does not exist")


class InvalidError(RequestError):
    """A value outside what is allowed."""

    status = 422
    code = "invalid"


class OverloadedError(RequestError):
    """The database did not answer in time."""

    status = 503
    code = "overloaded"
