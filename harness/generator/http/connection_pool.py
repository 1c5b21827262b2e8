"""The connections of a user to one server, and the header fields of every request to it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from harness.generator.http.connection import Connection, ConnectionLimits
from harness.generator.http.failures import UnsendableError
from harness.generator.http.request_parts import PORTS, Fields, has_field, serialized, with_defaults
from harness.generator.http.server import ServerAddress, shared_context

SAFE_CHARACTERS = "!#$%&'()*+,/:;=?@[]~"
MAX_IDLE = 10


class ConnectionPool:
    """The connections to ``origin``, ``scheme://host:port``; every request has the header fields ``defaults``.

    Raises ``UnsendableError`` when the origin is no HTTP address, or a field contains a line break.
    """

    def __init__(
        self, origin: str, defaults: Fields, make_context: Callable[[], Any] | None, *, insecure: bool
    ) -> None:
        try:
            address = urlsplit(origin)
            host, port = address.hostname, address.port or PORTS[address.scheme]
        except (ValueError, KeyError):
            host, port = None, 0
        if not host:
            raise UnsendableError(f"{origin} is no HTTP address") from None
        context = None
        if address.scheme == "https":
            context = make_context() if make_context else shared_context(insecure=insecure)
        self._server = ServerAddress(host, port, context)
        self.defaults = with_defaults(defaults, {"Host": address.netloc.rpartition("@")[2]})
        self.header_fields = serialized(self.defaults)
        self.connections: list[Connection] = []
        self._max_idle = MAX_IDLE

    def connection(self, limits: ConnectionLimits) -> Connection:
        """An idle connection or a new one; raises ``CannotConnectError``."""
        connection = self.connections.pop() if self.connections else None
        if connection is None or not connection.open:
            connection = Connection(self._server, limits)
        return connection

    def release(self, connection: Connection) -> None:
        """Keep a connection for the next request, if it is open."""
        if connection.open:
            if len(self.connections) < self._max_idle:
                self.connections.append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Close the connections, and those that are released later."""
        self._max_idle = 0
        for connection in self.connections:
            connection.close()
        self.connections.clear()

    def head(self, method: str, target: str, fields: Fields, body: bytes, cookies: str | None) -> bytes:
        """The head of a request for ``/target``; raises ``UnsendableError`` for fields that cannot be sent."""
        if "#" in target:
            target = target.partition("#")[0]
        if " " in target or not (target.isascii() and target.isprintable()):
            target = quote(target, safe=SAFE_CHARACTERS)
        if fields:
            fields = with_defaults(fields, self.defaults)
        lines = f"{method} /{target} HTTP/1.1\r\n{serialized(fields) if fields else self.header_fields}"
        if (body or method in {"POST", "PUT", "PATCH"}) and not has_field(fields, "content-length"):
            lines += f"Content-Length: {len(body)}\r\n"
        if cookies:
            lines += f"Cookie: {cookies}\r\n"
        try:
            return (lines + "\r\n").encode("latin-1")
        except UnicodeEncodeError:
            raise UnsendableError("a header field has characters outside of Latin-1") from None
