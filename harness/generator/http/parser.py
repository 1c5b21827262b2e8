"""The response that the C parser makes of the bytes of a connection."""

from httptools import HttpResponseParser

from harness.generator.http import failures
from harness.generator.http.response_headers import KnownHeader, remember

INFORMATIONAL_END = 200


class ParsedResponse:
    """The ``status``, ``headers`` and ``chunks`` of a response; ``header`` is the one that the fast path knew."""

    def __init__(self) -> None:
        self._without_body = self._streamed = False
        self._reset()
        self._new_parser()

    def _new_parser(self) -> None:
        self._parser = HttpResponseParser(self)

    def _reset(self) -> None:
        self.status, self.status_known = 0, False
        self.headers: list[tuple[bytes, bytes]] = []
        self.header: KnownHeader | None = None
        self.chunks: list[bytes] = []
        self._first_bytes = b""
        self._received = self._size = 0
        self._done = self._must_close = self._continued = False
        self._error: failures.FailedRequestError | None = None

    def on_message_begin(self) -> None:
        """Refuse a second response (called by the parser, as all ``on_`` methods)."""
        if self._done:
            raise failures.MalformedResponseError("a response without a request")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.status, self.status_known = self._parser.get_status_code(), True
        if self.status >= INFORMATIONAL_END and (self._without_body or self._streamed):
            self._done = True
            if not (self._parser.should_keep_alive() or (self._without_body and self._keeps_alive())):
                self._must_close = True

    def on_body(self, chunk: bytes) -> None:
        if self._done and not self._streamed:
            self._must_close = True
            return
        self._size += len(chunk)
        self.chunks.append(chunk)

    def on_message_complete(self) -> None:
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
        """Whether the server keeps the connection; the parser says no without a length, even to HEAD."""
        said = b",".join(value.lower() for name, value in self.headers if name.lower() == b"connection")
        return b"close" not in said and self._parser.get_http_version() == "1.1"

    def _content_length(self) -> str | None:
        """The announced length, empty for chunks; ``None``: the body ends with the connection."""
        fields = {name.lower(): value for name, value in self.headers}
        if b"chunked" in fields.get(b"transfer-encoding", b"").lower():
            return ""
        length = fields.get(b"content-length")
        return None if length is None else length.decode("latin-1")

    def _connection_lost(self, text: str) -> failures.ConnectionLostError:
        return (
            failures.ConnectionLostError(text)
            if self._received or self.status_known
            else failures.NoResponseError(text)
        )
