"""Servers: addresses, TLS, and sockets connected to them."""

import _socket
import errno
import os
import ssl
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import gevent
import gevent.socket

from harness.generator.http.failures import CannotConnectError, TlsError

CHUNK_BYTES = 65536


ADDRESS_SECONDS = 60.0
NO_HANDSHAKE = "no response to the handshake in time (connection_timeout of the user class)"
_addresses: dict[tuple[str, int], tuple[float, Any]] = {}


@cache
def shared_context(*, insecure: bool) -> ssl.SSLContext:
    """The context of all users, as one needs more memory than a user."""
    context = ssl.create_default_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class TlsSession:
    """One encrypted connection. Every method may raise ``ssl.SSLError``."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._received, self._to_send, server_hostname=host)

    def handshake(self, received: bytes) -> tuple[bool, bytes]:
        """Continue the handshake; returns whether it is complete, and bytes to send."""
        self._received.write(received)
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            return False, self._to_send.read()
        return True, self._to_send.read()

    def encrypt(self, data: bytes) -> bytes:
        self._session.write(data)
        return self._to_send.read()

    def decrypt(self, received: bytes) -> tuple[bytes, bool]:
        """The decrypted bytes, and whether the other side has closed the session."""
        self._received.write(received)
        parts = []
        try:
            while part := self._session.read(CHUNK_BYTES):
                parts.append(part)
        except ssl.SSLWantReadError:
            return b"".join(parts), False
        except ssl.SSLZeroReturnError:
            pass
        return b"".join(parts), True


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a connection goes; ``context`` is ``None`` for plain HTTP."""

    host: str
    port: int
    context: ssl.SSLContext | None

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def connect(self, seconds: float) -> tuple[_socket.socket, TlsSession | None]:
        """A non-blocking socket and its TLS session; raises ``CannotConnectError`` or ``TlsError``."""
        deadline = time.perf_counter() + seconds
        sock = _open_socket(self, deadline)
        if self.context is None:
            return sock, None
        try:
            return sock, _start_tls(sock, self.context, self.host, deadline)
        except (OSError, ValueError) as error:  # ValueError: no valid name for a certificate
            sock.close()
            raise TlsError(f"no TLS with {self}: {error_text(error)}") from None
        except BaseException:
            sock.close()
            raise


def error_text(error: Exception) -> str:
    """The text of an error, without its number."""
    return str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error)


def _start_tls(sock: _socket.socket, context: ssl.SSLContext, host: str, deadline: float) -> TlsSession:
    tls, received = TlsSession(context, host), b""
    while True:
        done, to_send = tls.handshake(received)
        _send_all(sock, to_send, deadline)
        if done:
            return tls
        gevent.socket.wait_read(sock.fileno(), timeout=_seconds_left(deadline), timeout_exc=TimeoutError(NO_HANDSHAKE))
        received = sock.recv(CHUNK_BYTES)
        if not received:
            raise ConnectionResetError("the server closed the connection")


def _open_socket(server: ServerAddress, deadline: float) -> _socket.socket:
    why = "no address"
    try:
        with gevent.Timeout(_seconds_left(deadline), TimeoutError("no address of that name in time")):
            found = _resolved(server.host, server.port)
    except (OSError, UnicodeError) as error:  # UnicodeError: no valid host name
        raise CannotConnectError(f"cannot connect to {server}: {error_text(error)}") from None
    for family, kind, protocol, _, address in found:
        try:
            sock = _socket.socket(family, kind, protocol)
        except OSError as error:  # too many open files
            why = error_text(error)
            continue
        try:
            sock.setblocking(False)  # noqa: FBT003 - its only argument
            _connect(sock, address, deadline)
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            why = error_text(error)
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise CannotConnectError(f"cannot connect to {server}: {why}")


def _resolved(host: str, port: int) -> Any:  # noqa: ANN401 - what getaddrinfo returns
    """The addresses of a name, cached for a minute, because thousands of users need the same one."""
    until, found = _addresses.get((host, port), (0.0, None))
    if time.monotonic() > until:
        host.encode("idna")  # raises here, not in the resolver's thread
        found = gevent.socket.getaddrinfo(host, port, type=_socket.SOCK_STREAM)
        _addresses[host, port] = time.monotonic() + ADDRESS_SECONDS, found
    return found


def _connect(sock: _socket.socket, address: Any, deadline: float) -> None:  # noqa: ANN401 - depends on the family
    status = sock.connect_ex(address)
    if status == errno.EINPROGRESS:
        late = TimeoutError("no connection in time (connection_timeout of the user class)")
        gevent.socket.wait_write(sock.fileno(), timeout=_seconds_left(deadline), timeout_exc=late)
        status = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
    if status:
        raise OSError(status, os.strerror(status))


def _send_all(sock: _socket.socket, data: bytes, deadline: float) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[sock.send(view) :]
        except BlockingIOError:
            late = TimeoutError(NO_HANDSHAKE)
            gevent.socket.wait_write(sock.fileno(), timeout=_seconds_left(deadline), timeout_exc=late)


def _seconds_left(deadline: float) -> float:
    return max(deadline - time.perf_counter(), 0.001)
