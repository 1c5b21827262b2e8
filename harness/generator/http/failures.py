"""Failures: what can become of a request other than an answer. Each ends up as the error of a sample."""


class FailedRequestError(Exception):
    """A request that brought no usable answer; the text says what happened, in the words of a report."""


class UnsendableError(FailedRequestError):
    """What the user asked for is no HTTP request."""


class CannotConnectError(FailedRequestError):
    """No connection to the server: refused, unreachable, no such name, or not in time."""


class TlsError(CannotConnectError):
    """The server is there, but no encrypted connection to it came about."""


class ConnectionLostError(FailedRequestError):
    """The connection ended before the answer did."""


class NoResponseError(ConnectionLostError):
    """The connection ended before the first byte of an answer."""


class ResponseTimeoutError(FailedRequestError):
    """The whole answer was not there in time."""


class MalformedResponseError(FailedRequestError):
    """What came is not HTTP, or contradicts itself."""


class ResponseTooLargeError(FailedRequestError):
    """An answer larger than the user allows."""


class TooManyRedirectsError(FailedRequestError):
    """A chain of redirects that did not come to an end."""


class BadStatusError(FailedRequestError):
    """A whole answer whose status says that it failed."""
