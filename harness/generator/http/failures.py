"""Failures of requests. Each becomes the error of a sample."""


class FailedRequestError(Exception):
    """A request without a usable response; the text is shown in reports."""


class UnsendableError(FailedRequestError):
    """The user's request is no valid HTTP request."""


class CannotConnectError(FailedRequestError):
    """No connection to the server: refused, unreachable, unknown name, or timeout."""


class TlsError(CannotConnectError):
    """The server accepted the connection, but TLS failed."""


class ConnectionLostError(FailedRequestError):
    """The connection ended before the response did."""


class NoResponseError(ConnectionLostError):
    """The connection ended before the first byte of a response."""


class ResponseTimeoutError(FailedRequestError):
    """The response was not complete in time."""


class MalformedResponseError(FailedRequestError):
    """The response is not valid HTTP."""


class ResponseTooLargeError(FailedRequestError):
    """The response is larger than the user allows."""


class TooManyRedirectsError(FailedRequestError):
    """More redirects than the user allows."""


class BadStatusError(FailedRequestError):
    """A complete response with a status of 400 or more."""
