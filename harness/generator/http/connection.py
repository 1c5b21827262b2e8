"""One HTTP/1.1 connection of a user, on gevent's event loop and a C parser.

The watcher of the socket runs as long as the connection is open and parses in the event loop; the user's greenlet
resumes once, when the response is complete. So a request costs a send, a receive and a switch, and bytes that a server
sends between two requests are seen at once, never taken for the response to the next one.
"""

import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gevent.hub import get_hub, getcurrent
from httptools import HttpParserError, HttpParserUpgrade

from harness.generator.http import failures
from harness.generator.http.parser import ParsedResponse
from harness.generator.http.response_headers import HEADER_END, recall
from harness.generator.http.server import CHUNK_BYTES, ServerAddress, error_text

READ, WRITE = 1, 2
MAX_HEADER_BYTES = 256 * 1024
MAX_UNREAD_BYTES = 1024 * 1024
MAX_FRAMING = 32  # a chunk of one byte takes six bytes, or a few more
FAST_PATH_BYTES = 8192
_BUFFER = memoryview(bytearray(CHUNK_BYTES))
"""Received data is parsed here before other greenlets run; a bytes object would cost more than receiving."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of time and size of one request."""

    connect_seconds: float
    response_seconds: float
    most_body_bytes: int


class Connection(ParsedResponse):
    """Sends one request at a time; a failure closes it. ``reused``: an earlier response was complete."""

    def __init__(self, server: ServerAddress, limits: ConnectionLimits) -> None:
        """Connect; raises ``CannotConnectError``, or ``TlsError`` when only TLS fails."""
        self.server, self._limits = server, limits
        self._hub: Any = get_hub()
        self._socket, self._tls = server.connect(limits.connect_seconds)
        self._timer: Any = None
        self._greenlet: Any = None
        self._watcher: Any = self._hub.loop.io(self._socket.fileno(), READ)
        self.open, self.reused = True, False
        self._fast_path_allowed = self._tls is None and limits.most_body_bytes >= FAST_PATH_BYTES
        self._fast = False
        self._used = False
        super().__init__()
        self._watcher.start(self._on_readable)

    def exchange(
        self, head: bytes, body: bytes, started: float, *, without_body: bool, streamed: bool, expecting: bool
    ) -> None:
        """Send a request and receive its response: all of it or, ``streamed``, its header.

        A body is sent after the head; with ``expecting`` (``Expect: 100-continue``) after 100 Continue or a second. The
        response time limit counts from ``started``, on ``time.perf_counter``. ``without_body``: the response has none,
        whatever its header says, as to HEAD. Raises ``FailedRequestError`` when the response is not complete.
        """
        self._fast = self._fast_path_allowed and not (without_body or streamed or expecting)
        if self._used or not self._fast:
            self._reset()
            self._used = not self._fast
        self._done = False
        self._without_body, self._streamed = without_body, streamed
        self._deadline = started + self._limits.response_seconds
        if self._timer is None:
            self._set_timer(max(self._deadline - time.perf_counter(), 0.001))
        self._greenlet = getcurrent()
        try:
            if expecting:
                self._send(head)
                self._await_continue()
                if self._done:
                    self._must_close = True  # the server may still wait for the body
                else:
                    self._send(body)
            else:
                self._send(head + body if body else head)
            while not self._done:
                self._hub.switch()
        except BaseException:
            self.close()
            raise
        finally:
            self._greenlet, self._first_bytes = None, b""
        if self._error is not None:
            self.close()
            raise self._error
        if not self._streamed:
            self._finish()

    def stream_body(self) -> Iterator[bytes]:
        """The parts of a streamed body, each within the response time limit; raises ``FailedRequestError``."""
        while True:
            chunks, self.chunks = self.chunks, []
            self._received = self._size = 0
            yield from chunks
            if self._error is not None:
                self.close()
                raise self._error
            if not chunks:
                if not self._streamed:
                    self._finish()
                    return
                self._await_more()

    def _await_more(self) -> None:
        self._deadline = time.perf_counter() + self._limits.response_seconds
        if self._timer is None:
            self._set_timer(self._limits.response_seconds)
        self._watcher.start(self._on_readable)
        self._greenlet = getcurrent()
        try:
            while self._streamed and not self.chunks:
                self._hub.switch()
        except BaseException:
            self.close()
            raise
        finally:
            self._greenlet = None

    def close(self) -> None:
        if self.open:
            self.open = False
            self._watcher.stop()
            self._watcher.close()
            if self._timer is not None:
                self._timer.close()
                self._timer = None
            self._socket.close()

    def _finish(self) -> None:
        """Keep the connection for the next request where both sides can."""
        if not self.open:
            return
        self.reused = True
        if self._must_close:
            self.close()
        elif self._without_body:
            self._new_parser()  # the old one waits for the announced body

    # sending

    def _send(self, data: bytes) -> None:
        if self._tls is not None:
            try:
                data = self._tls.encrypt(data)
            except OSError as error:
                self._error, self._done = self._connection_lost(f"the connection broke: {error_text(error)}"), True
                return
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # the server closed; a response before that is still to be read
        if sent < len(data):
            self._send_rest(memoryview(data)[sent:])

    def _send_rest(self, data: memoryview) -> None:
        writable = self._hub.loop.io(self._socket.fileno(), WRITE)
        writable.start(self._greenlet.switch)
        try:
            while data and not self._done:
                self._hub.switch()
                try:
                    data = data[self._socket.send(data) :]
                except BlockingIOError:
                    continue
                except OSError:
                    return
        finally:
            writable.stop()
            writable.close()
            self._must_close = self._must_close or bool(data)  # a next request would be taken for the rest of it

    def _await_continue(self) -> None:
        patience = self._hub.loop.timer(1.0)
        patience.start(self._on_continue)
        try:
            while not (self._continued or self._done):
                self._hub.switch()
        finally:
            patience.close()

    def _on_continue(self) -> None:
        self._continued = True
        self._greenlet.switch()

    # receiving, in the event loop

    def _on_readable(self) -> None:
        ended = False
        if self._fast:
            self._on_fast_path()
            return
        try:
            data: bytes | memoryview = _BUFFER[: self._socket.recv_into(_BUFFER)]
            if self._tls is not None and data:
                data, ended = self._tls.decrypt(bytes(data))
                if not data and not ended:
                    return
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError as error:
            self._fail(self._connection_lost(f"the connection broke: {error_text(error)}"))
            return
        if self._greenlet is None and not self._streamed:
            self.close()  # the server closed, or sent data without a request
            return
        if data:
            self._parse(data)
        if ended or not data:
            self._on_end()

    def _on_fast_path(self) -> None:
        """Receive what may be a whole response with a known header."""
        try:
            data = self._socket.recv(FAST_PATH_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(self._connection_lost(f"the connection broke: {error_text(error)}"))
            return
        self._fast = False
        head, end, body = data.partition(HEADER_END)
        header = recall(head)
        if header is not None and end and len(body) == header.length:
            self.status, self.headers, self.header, self.chunks = header.status, header.fields.copy(), header, [body]
            self._done = True
            self._greenlet.switch()
            return
        surplus = self._must_close
        self._reset()
        self._used, self._must_close = True, surplus  # set when the request was not sent completely
        if data:
            self._first_bytes = data
            self._parse(data)
        else:
            self._on_end()

    def _parse(self, data: bytes | memoryview) -> None:
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._fail(failures.MalformedResponseError("an unrequested switch to another protocol (101)"))
            return
        except HttpParserError as error:
            if not self._done or self._streamed:
                self._fail(failures.MalformedResponseError(f"not HTTP: {error}"))
                return
            self._must_close = True
        if self._streamed and self._done:
            if self._size > MAX_UNREAD_BYTES:
                self._watcher.stop()
            self._wake()
        elif self._size > self._limits.most_body_bytes:
            why = f"the body is larger than {self._limits.most_body_bytes:,} bytes (most_body_bytes of the user class)"
            self._fail(failures.ResponseTooLargeError(why))
        elif self._done:
            self._wake()
        elif self._received - MAX_FRAMING * self._size > MAX_HEADER_BYTES:
            what = "the chunk framing" if self.status_known else "the header"
            self._fail(failures.ResponseTooLargeError(f"{what} is larger than {MAX_HEADER_BYTES // 1024} kB"))
        elif self._continued:
            self._wake()

    def _wake(self) -> None:
        if self._greenlet is not None:
            self._greenlet.switch()

    def _on_end(self) -> None:
        self._must_close = True
        if self._done and not self._streamed:
            return
        if not self.status_known:
            closed = "without a response" if self._received == 0 else "in the middle of the header"
            self._fail(self._connection_lost(f"the server closed the connection {closed}"))
        elif (length := self._content_length()) is not None:
            of = f" ({self._size:,} of {length} bytes)" if length and not self._streamed else ""
            self._fail(self._connection_lost(f"the server closed the connection in the middle of the body{of}"))
        else:
            self._done, self._streamed = True, False  # the end of the connection is the end of the body
            self._wake()

    def _fail(self, error: failures.FailedRequestError) -> None:
        self._error, self._done, self._streamed = error, True, False
        if self._greenlet is None:
            self.close()
        self._wake()

    # time

    def _set_timer(self, seconds: float) -> None:
        """Check the deadline then. One timer serves many requests: a deadline moves without touching it."""
        self._timer = self._hub.loop.timer(seconds)
        self._timer.start(self._on_time)

    def _on_time(self) -> None:
        self._timer.close()
        self._timer = None
        if self._greenlet is None:
            return
        left = self._deadline - time.perf_counter()
        if left > 0:
            self._set_timer(left)
            return
        waited = f"within {self._limits.response_seconds:g} s (network_timeout of the user class)"
        received = f"after {self._received:,} bytes, " if self._received else ""
        self._fail(failures.ResponseTimeoutError(f"{received}no complete response {waited}"))
