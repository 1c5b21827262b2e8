"""TLS between a connection and its socket: bytes in, bytes out, no network inside."""

import ssl
from functools import cache

CHUNK_BYTES = 65536


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
