"""Hostile servers: raw sockets in threads, one behaviour each."""

import contextlib
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

SECONDS = 30.0
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

Behaviour = Callable[["Peer"], None]


@dataclass
class Peer:
    """One connection of a client, the ``number``-th from 0."""

    line: socket.socket
    number: int
    heard: list[bytes]
    waiting: bytes = b""

    def head(self) -> bytes | None:
        """The head of the next request; ``None`` after the last."""
        while b"\r\n\r\n" not in self.waiting:
            if not self._more():
                return None
        head, _, self.waiting = self.waiting.partition(b"\r\n\r\n")
        self.heard.append(head)
        return head

    def body(self, head: bytes) -> bytes:
        length = LENGTH.search(head)
        wanted = int(length[1]) if length else 0
        while len(self.waiting) < wanted and self._more():
            pass
        body, self.waiting = self.waiting[:wanted], self.waiting[wanted:]
        return body

    def asked(self) -> bool:
        """Read a whole request; returns whether there was one."""
        head = self.head()
        if head is not None:
            self.body(head)
        return head is not None

    def say(self, data: bytes) -> None:
        self.line.sendall(data)

    def reset(self) -> None:
        """End with RST instead of FIN."""
        self.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.line.close()

    def until_gone(self) -> None:
        """Send nothing until the client closes."""
        while self._more():
            pass

    def _more(self) -> bool:
        received = self.line.recv(65536)
        self.waiting += received
        return bool(received)


@dataclass
class Hostile:
    """Listens on a free port of 127.0.0.1 and runs its behaviour for every connection, in a thread each."""

    behaviour: Behaviour
    context: ssl.SSLContext | None = None
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._lines: list[socket.socket] = []
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            line.settimeout(SECONDS)
            self._lines.append(line)
            thread = threading.Thread(target=self._treat, args=(line, self.connections))
            self.connections += 1
            self._threads.append(thread)
            thread.start()

    def _treat(self, line: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), line:  # clients hang up
            if self.context is not None:
                line = self.context.wrap_socket(line, server_side=True)
                self._lines.append(line)
            with line:
                self.behaviour(Peer(line, number, self.heard))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in self._lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(SECONDS)
        for line in self._lines:
            line.close()


class FullHouse:
    """Listens with a full backlog: TCP handshakes get no response."""

    heard: tuple[bytes, ...] = ()

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._guests = [socket.socket() for _ in range(3)]
        for guest in self._guests:
            guest.setblocking(False)  # noqa: FBT003 - its only argument
            guest.connect_ex(("127.0.0.1", self.port))

    def close(self) -> None:
        for line in (*self._guests, self._listener):
            line.close()
