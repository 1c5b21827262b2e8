"""Answer: what the C parser makes of the bytes that a connection receives, one answer after the other."""

from httptools import HttpResponseParser

from harness.generator.http.failures import (
    ConnectionLostError,
    FailedRequestError,
    MalformedResponseError,
    NoResponseError,
)
from harness.generator.http.header_cache import KnownHeader, remember

INFORMATIONAL_END = 200


class ParsedResponse:
    """The answer that is being received: ``status``, ``headers`` and ``chunks``.

    ``header`` is there where the same one came before.
    """

    __slots__ = (
        "_continued",
        "_done",
        "_error",
        "_first_bytes",
        "_must_close",
        "_parser",
        "_received",
        "_size",
        "_streamed",
        "_without_body",
        "chunks",
        "header",
        "headers",
        "status",
        "status_known",
    )

    def __init__(self) -> None:
        self._without_body = self._streamed = False
        self._reset()
        self._new_parser()

    def _new_parser(self) -> None:
        """Forget the answer that the parser is at."""
        self._parser = HttpResponseParser(self)

    def _reset(self) -> None:
        self.status, self.status_known = 0, False
        self.headers: list[tuple[bytes, bytes]] = []
        self.header: KnownHeader | None = None
        self.chunks: list[bytes] = []
        self._first_bytes = b""
        self._received = self._size = 0
        self._done = self._must_close = self._continued = False
        self._error: FailedRequestError | None = None

    def on_message_begin(self) -> None:
        """Read no answer after the one that was asked for (called by the parser)."""
        if self._done:
            raise MalformedResponseError("an answer that nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header field, or a trailer (called by the parser)."""
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Know the status (called by the parser)."""
        self.status, self.status_known = self._parser.get_status_code(), True
        if self.status >= INFORMATIONAL_END and (self._without_body or self._streamed):
            self._done = True
            if not (self._parser.should_keep_alive() or (self._without_body and self._keeps_alive())):
                self._must_close = True

    def on_body(self, chunk: bytes) -> None:
        """Take in a part of the body (called by the parser)."""
        if self._done and not self._streamed:
            self._must_close = True
            return
        self._size += len(chunk)
        self.chunks.append(chunk)

    def on_message_complete(self) -> None:
        """Know that the answer is whole (called by the parser)."""
        if self.status >= INFORMATIONAL_END:
            self._done, self._streamed = True, False
            self._must_close = self._must_close or not self._parser.should_keep_alive()  # the parser forgets it
            if self._received == len(self._first_bytes) and not self._must_close:
                remember(self._first_bytes, self.status, self.headers, self._size)
            return
        self.headers, self.status_known = [], False
        self._received, self._first_bytes = 0, b""
        self._continued = True

    def _keeps_alive(self) -> bool:
        """Whether the server keeps the connection; the parser thinks not, where no length is told, even to HEAD."""
        said = b",".join(value.lower() for name, value in self.headers if name.lower() == b"connection")
        return b"close" not in said and self._parser.get_http_version() == "1.1"

    def _content_length(self) -> str | None:
        """The length that the header tells, empty for chunks; ``None``: the body lasts as long as the connection."""
        fields = {name.lower(): value for name, value in self.headers}
        if b"chunked" in fields.get(b"transfer-encoding", b"").lower():
            return ""
        length = fields.get(b"content-length")
        return None if length is None else length.decode("latin-1")

    def _connection_lost(self, text: str) -> ConnectionLostError:
        return ConnectionLostError(text) if self._received or self.status_known else NoResponseError(text)
