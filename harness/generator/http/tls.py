"""TLS between a connection and its socket: bytes in, bytes out, no network inside."""

import ssl
from collections.abc import Callable
from functools import cache

CHUNK_BYTES = 65536


def tls_context(make: Callable[[], ssl.SSLContext] | None, *, insecure: bool) -> ssl.SSLContext:
    """The context for a connection; without one that a user makes itself, one that all users share."""
    return _shared(insecure=insecure) if make is None else make()


@cache
def _shared(*, insecure: bool) -> ssl.SSLContext:
    """A context costs more memory than a user."""
    context = ssl.create_default_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class TlsSession:
    """One encrypted conversation. Every method may raise ``ssl.SSLError``."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._received, self._to_send, server_hostname=host)

    def handshake(self, received: bytes) -> tuple[bool, bytes]:
        """Go on with the handshake; whether it is done, and what has to be sent."""
        self._received.write(received)
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            return False, self._to_send.read()
        return True, self._to_send.read()

    def encrypt(self, data: bytes) -> bytes:
        """What has to be sent in place of ``data``."""
        self._session.write(data)
        return self._to_send.read()

    def decrypt(self, received: bytes) -> tuple[bytes, bool]:
        """What ``received`` says, and whether the other side has said its last word."""
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
