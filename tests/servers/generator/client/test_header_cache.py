"""The header cache changes nothing: a connection receives the same as one that parses every response."""

import _socket
import contextlib
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.generator.http import connection as module
from harness.generator.http import response_headers as header
from harness.generator.http.connection import Connection, ConnectionLimits
from harness.generator.http.failures import FailedRequestError
from tests.examples import examples

HEADER_END = b"\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Cache: hit\r\n\r\nok"
LIMITS = ConnectionLimits(connect_seconds=60, response_seconds=60, most_body_bytes=10_000)


@dataclass(frozen=True)
class Ask:
    """A request, and its response in parts."""

    parts: tuple[bytes, ...] = (OK,)
    head: bool = False
    streamed: bool = False


def received(asks: Sequence[Ask], *, knowing: bool = True) -> list[dict[str, Any]]:
    """What a connection receives, or another one after it closed; ``knowing``: with the header cache."""
    header._seen_once.clear()
    header._known.clear()
    lines: list[socket.socket] = []
    seen: list[dict[str, Any]] = []
    connection = None
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        if not knowing:
            patch.setattr(module, "recall", lambda _: None)
        for ask in asks:
            if connection is None or not connection.open:
                connection, line = connected()
                lines.append(stack.enter_context(line))
                stack.callback(connection.close)
            seen.append(asked(connection, lines[-1], ask))
    return seen


def connected() -> tuple[Connection, socket.socket]:
    """A connection, and the other end of its socket."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)  # noqa: FBT003 - its only argument
    server: Any = SimpleNamespace(connect=lambda _: (_socket.socket(fileno=ours.detach()), None))
    return Connection(server, LIMITS), theirs


def asked(connection: Connection, theirs: socket.socket, ask: Ask) -> dict[str, Any]:
    greenlet = gevent.spawn(exchanged, connection, ask)
    turn()
    for part in ask.parts:
        with contextlib.suppress(BrokenPipeError):  # the first part was too much already
            theirs.send(part)
        turn()
    if not greenlet.ready():
        theirs.shutdown(socket.SHUT_RDWR)
    seen: dict[str, Any] = greenlet.get()
    turn()  # what came too much is noticed
    return seen | {"open": connection.open, "reused": connection.reused}


def exchanged(connection: Connection, ask: Ask) -> dict[str, Any]:
    try:
        now = time.perf_counter()
        connection.exchange(b"?", b"", now, without_body=ask.head, streamed=ask.streamed, expecting=False)
        status, fields = connection.status, list(connection.headers)
        chunks = list(connection.stream_body()) if ask.streamed else connection.chunks
    except FailedRequestError as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {"status": status, "fields": fields, "body": b"".join(chunks)}


def turn() -> None:
    """Let all ready greenlets run."""
    for _ in range(3):
        gevent.idle()


def test_a_header_is_known_the_third_time() -> None:
    seen = received([Ask()] * 3)
    assert seen == [{"status": 200, "fields": [(b"Content-Length", b"2"), (b"X-Cache", b"hit")], "body": b"ok",
                     "open": True, "reused": True}] * 3  # fmt: skip
    (known,) = header._known.values()
    assert (known.status, known.length, known.reported, known.sets_cookies) == (200, 2, (0, -1, -1.0), False)


def test_a_known_header_with_a_cookie_is_marked() -> None:
    received([Ask((OK.replace(b"X-Cache", b"set-cookie"),))] * 2)
    assert [known.sets_cookies for known in header._known.values()] == [True]


def test_a_known_header_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []
    parse = Connection._parse

    def counted(self: Connection, data: bytes | memoryview) -> None:
        parsed.append(len(data))
        parse(self, data)

    monkeypatch.setattr(Connection, "_parse", counted)
    received([Ask()] * 5)
    assert len(parsed) == 2


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "MAX_HEADERS", 3)
    received([Ask((OK.replace(b"hit", b"%d" % number),)) for number in range(10) for _ in range(2)])
    assert 0 < len(header._known) <= 3
    assert 0 < len(header._seen_once) <= 3


STATUSES = [b"200 OK", b"204 No Content", b"304 Not Modified", b"404 No", b"302 Found", b"200"]
FRAMES = [b"Content-Length: 2", b"content-length: 0", b"Content-Length:2 ", b"Transfer-Encoding: chunked", b"X: 1"]
FIELDS = [b"", b"Connection: close\r\n", b"Set-Cookie: a=1\r\n", b"X-Cache: hit\r\n", b"Connection: upgrade\r\n"]
BODIES = [b"ok", b"", b"2\r\nok\r\n0\r\n\r\n", b"0\r\n\r\n", b"ok" + OK, b"o"]
INTERIM = b"HTTP/1.1 103 Early Hints\r\n\r\n"


@st.composite
def conversations(draw: st.DrawFn) -> list[Ask]:
    """Few headers, so that they repeat, with bodies of the announced length and others."""
    versions, some = st.sampled_from([b"1.1", b"1.1", b"1.1", b"1.0"]), st.sampled_from
    head = st.builds(lambda *of: b"HTTP/%s %s\r\n%s%s" % of, versions, some(STATUSES), some(FIELDS), some(FRAMES))
    heads = [OK.partition(HEADER_END)[0], *draw(st.lists(head, max_size=2))]
    asks = []
    for _ in range(draw(st.integers(1, 9))):
        begin, end = (
            draw(some([b"", b"", b"", b"", INTERIM])),
            draw(some([HEADER_END, HEADER_END, HEADER_END, HEADER_END, b""])),
        )
        answer = begin + draw(some(heads)) + end + draw(some(BODIES))
        cut = draw(st.none() | st.none() | st.integers(1, len(answer) - 1))
        kind = draw(some(["get", "get", "get", "get", "head", "streamed"]))
        parts = (answer,) if cut is None else (answer[:cut], answer[cut:])
        asks.append(Ask(parts, head=kind == "head", streamed=kind == "streamed"))
    return asks


@given(conversations())
@examples(100)
def test_the_cache_does_not_change_what_is_received(asks: list[Ask]) -> None:
    assert received(asks) == received(asks, knowing=False)


ENDS = b"HTTP/1.1 204 No Content\r\nX: 1"
CLOSES = OK.replace(b"X-Cache: hit", b"Connection: close")


@pytest.mark.parametrize(
    "asks",
    [
        [*[Ask()] * 3, Ask((OK + OK,)), Ask()],
        [*[Ask()] * 3, Ask((OK[:-1], OK[-1:])), Ask()],
        [*[Ask()] * 3, Ask((OK[:-1],)), Ask()],
        [*[Ask((ENDS + HEADER_END,))] * 3, Ask((ENDS,)), Ask((ENDS + b"\r\n", b"\r\n"))],
        [*[Ask((CLOSES,))] * 3, Ask()],
        [*[Ask((INTERIM, b"HTTP/1.1 204 No Contents" + HEADER_END))] * 3, Ask((INTERIM, OK))],
    ],
)
def test_a_known_header_with_another_body(asks: list[Ask]) -> None:
    assert received(asks) == received(asks, knowing=False)


def test_a_known_header_is_not_mixed_with_the_next() -> None:
    asks = [*[Ask()] * 3, Ask((OK[:-2].replace(b"hit", b"miss"),), head=True), Ask(), Ask((OK[:60], OK[60:]))]
    assert received(asks) == received(asks, knowing=False)
    streams = [*[Ask()] * 3, Ask(streamed=True), Ask(), Ask()]
    assert received(streams) == received(streams, knowing=False)
