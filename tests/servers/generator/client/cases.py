"""The table of the torture test: server behaviour, client requests, expected samples."""

import gzip
import zlib
from dataclasses import dataclass, field
from typing import Any

import brotli

from tests.servers.generator.client.behaviours import (
    OK,
    answer,
    answers_by_path,
    breaks_on_second,
    counts_body,
    drips,
    expects,
    falls_silent,
    floods,
    hangs_up,
    redirect,
    refuses_early,
    resets,
    says,
    says_goodbye_after,
    says_later,
    sends_elsewhere,
    speaks_first,
)
from tests.servers.generator.client.hostile import Behaviour

LOST = "ConnectionLostError: the server closed the connection in the middle of the "
UNANSWERED = "NoResponseError: the server closed the connection without a response"
LATE = (
    r"ResponseTimeoutError: after [\d,]+ bytes, no complete response within 1 s \(network_timeout of the user class\)"
)
SILENT = r"ResponseTimeoutError: no complete response within 1 s \(network_timeout of the user class\)"
MB = 1024 * 1024


@dataclass
class Case:
    behaviour: Behaviour | None
    expected: list[tuple[int, str | None]]
    """Status, and what the error matches; ``None`` for a request without one."""
    calls: list[dict[str, Any]] = field(default_factory=lambda: [{}])
    user: dict[str, Any] = field(default_factory=dict)
    seconds: tuple[float, float] = (0, 3)
    connections: int | None = None
    texts: list[str | None] | None = None
    heard: list[str] | None = None
    """A pattern for the head of each request that the server got."""
    together: bool = False
    leaves: bool = False
    """The client is closed while the requests are under way."""
    tls: bool = False
    host: str = "http://127.0.0.1:{port}"
    raised: str | None = None


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n", fields: bytes = b"") -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + fields + b"\r\n" + body + end


def with_length(length: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\n{length}\r\n\r\nok".encode()


TWICE: list[dict[str, Any]] = [{}, {}]
FINE: tuple[int, None] = (200, None)
ENDLESS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CASES = {
    "closes before an answer": Case(hangs_up(b""), [(0, UNANSWERED)]),
    "closes in the header": Case(hangs_up(b"HTTP/1.1 200 OK\r\nCont"), [(0, LOST + "header")]),
    "closes in the body": Case(hangs_up(OK.replace(b"2\r", b"10\r")), [(0, LOST + r"body \(2 of 10 bytes\)")]),
    "closes in a chunk": Case(hangs_up(ENDLESS + b"5\r\nab"), [(0, LOST + "body")]),
    "closes before the last chunk": Case(hangs_up(ENDLESS + b"2\r\nab\r\n"), [(0, LOST + "body")]),
    "body longer than told": Case(hangs_up(OK + b"!!!", OK), [FINE, FINE], TWICE, connections=2, texts=["ok", "ok"]),
    "an answer more than asked": Case(
        says(OK + answer(b"poison", "X-Cache: hit"), OK), [FINE, FINE], TWICE, connections=2, texts=["ok", "ok"]
    ),
    "an answer before the question": Case(speaks_first, [FINE], [{"after": 0.2}], texts=["early"]),
    "slow header": Case(drips(OK), [(0, LATE)], seconds=(0.9, 2)),
    "slow header that comes in time": Case(drips(OK, 10, 0.01), [FINE]),
    "header of 1 MB": Case(
        falls_silent(b"HTTP/1.1 200 OK\r\nX: " + b"x" * MB),
        [(0, "ResponseTooLargeError: the header is larger than 256 kB")],
    ),
    "header of 200 kB": Case(says(answer(b"ok", "X: " + "x" * 200_000)), [FINE]),
    "endless header": Case(
        floods(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000),
        [(0, "ResponseTooLargeError: the header is larger than 256 kB")],
    ),
    "endless interim answers": Case(floods(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100), [(0, f"{LATE}|{SILENT}")]),
    "endless chunks, fast": Case(
        floods(ENDLESS, b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        [(0, r"ResponseTooLargeError: the body is larger than 1,048,576 bytes \(most_body_bytes of the user class\)")],
        user={"most_body_bytes": MB},
    ),
    "endless chunks, slow": Case(drips(ENDLESS + b"1\r\nx\r\n" * 100, 6), [(0, LATE)], seconds=(0.9, 2)),
    "endless body without chunks": Case(
        floods(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096),
        [(0, "ResponseTooLargeError: the body is larger than 1,048,576 bytes .*")],
        user={"most_body_bytes": MB},
    ),
    "endless trailers": Case(
        floods(ENDLESS + b"0\r\n", b"X: y\r\n" * 1000),
        [(0, "ResponseTooLargeError: the chunk framing is larger than 256 kB")],
    ),
    "endless chunk extension": Case(
        floods(ENDLESS + b"2;", b"x" * 4096), [(0, "ResponseTooLargeError: the chunk framing is larger than 256 kB")]
    ),
    "many chunks of a byte": Case(says(chunked(*[b"x"] * 200_000)), [FINE]),
    "chunk size garbage": Case(
        hangs_up(ENDLESS + b"zz\r\nok\r\n"), [(0, "MalformedResponseError: not HTTP: .*chunk.*")]
    ),
    "chunk longer than told": Case(hangs_up(ENDLESS + b"1\r\nok\r\n"), [(0, "MalformedResponseError: not HTTP: .+")]),
    "garbage": Case(hangs_up(b"\x00\xff\x13 what?\r\n\r\n"), [(0, "MalformedResponseError: not HTTP: .+")]),
    "HTTP/0.9": Case(hangs_up(b"<html>hello</html>"), [(0, "MalformedResponseError: not HTTP: .+")]),
    "no status": Case(hangs_up(b"HTTP/1.1 \r\n\r\n"), [(0, "MalformedResponseError: not HTTP: .+")]),
    "status of four digits": Case(hangs_up(b"HTTP/1.1 2000 OK\r\n\r\n"), [(0, "MalformedResponseError: not HTTP: .+")]),
    "two lengths": Case(
        hangs_up(with_length("Content-Length: 2\r\nContent-Length: 3")), [(0, "MalformedResponseError: not HTTP: .*")]
    ),
    "length and chunks": Case(
        hangs_up(with_length("Content-Length: 2\r\nTransfer-Encoding: chunked")),
        [(0, "MalformedResponseError: not HTTP: .*")],
    ),
    "negative length": Case(hangs_up(with_length("Content-Length: -1")), [(0, "MalformedResponseError: not HTTP: .*")]),
    "NaN length": Case(hangs_up(with_length("Content-Length: NaN")), [(0, "MalformedResponseError: not HTTP: .*")]),
    "length over 2^64": Case(
        hangs_up(with_length("Content-Length: 99999999999999999999999")), [(0, "MalformedResponseError: not HTTP: .*")]
    ),
    "length of an exabyte": Case(
        hangs_up(with_length("Content-Length: 1000000000000000000")),
        [(0, LOST + r"body \(2 of 1000000000000000000 bytes\)")],
    ),
    "reset before the answer": Case(
        resets(b""), [(0, "NoResponseError: the connection broke: Connection reset by peer")]
    ),
    "reset in the header": Case(
        resets(b"HTTP/1.1 200 OK\r\nX"), [(0, "ConnectionLostError: the connection broke: Connection reset by peer")]
    ),
    "reset in the body": Case(
        resets(OK.replace(b"2\r", b"10\r")),
        [(0, "ConnectionLostError: the connection broke: Connection reset by peer")],
    ),
    "accepts and says nothing": Case(falls_silent(), [(0, SILENT)], seconds=(0.9, 2)),
    "connection refused": Case(
        None, [(0, r"CannotConnectError: cannot connect to 127.0.0.1:\d+: Connection refused")] * 2, TWICE
    ),
    "no room": Case(
        None,
        [(0, r"CannotConnectError: cannot connect to 127.0.0.1:\d+: no connection in time \(connection_timeout .*\)")],
        user={"connection_timeout": 0.5},
        seconds=(0.4, 1.5),
    ),
    "no such host": Case(
        None, [(0, "CannotConnectError: cannot connect to nowhere.invalid:80: .+")], host="http://nowhere.invalid"
    ),
    "impossible host": Case(None, [(0, "CannotConnectError: cannot connect to x+:80: .+")], host="http://" + "x" * 70),
    "no host": Case(None, [(0, "UnsendableError: http:/+ is no HTTP address")], host="http://"),
    "no scheme": Case(None, [(0, "UnsendableError: localhost:80/ is no HTTP address")], host="localhost:80"),
    "port 99999": Case(None, [(0, "UnsendableError: .* is no HTTP address")], host="http://127.0.0.1:99999"),
    "broken IPv6": Case(None, [(0, "UnsendableError: .* is no HTTP address")], host="http://[::1"),
    "plain HTTP where TLS is expected": Case(
        lambda peer: peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        [(0, r"TlsError: no TLS with 127.0.0.1:\d+: .+")],
        host="https://127.0.0.1:{port}",
    ),
    "TLS where plain HTTP is expected": Case(
        says(OK), [(0, "NoResponseError: .+|MalformedResponseError: .+")], tls=True
    ),
    "self-signed and refused": Case(
        says(OK),
        [(0, r"TlsError: no TLS with 127.0.0.1:\d+: CERTIFICATE_VERIFY_FAILED")],
        user={"insecure": False},
        tls=True,
        host="https://127.0.0.1:{port}",
    ),
    "self-signed and accepted": Case(
        says(answer(b"x" * 300_000), OK), [FINE, FINE], TWICE, tls=True, host="https://127.0.0.1:{port}", connections=1
    ),
    "large body over TLS": Case(
        counts_body,
        [FINE],
        [{"method": "POST", "bytes": 5 * MB}],
        texts=["5242880"],
        tls=True,
        host="https://127.0.0.1:{port}",
    ),
    "TLS that closes in the body": Case(
        hangs_up(OK.replace(b"2\r", b"10\r")),
        [(0, LOST + r"body \(2 of 10 bytes\)")],
        tls=True,
        host="https://127.0.0.1:{port}",
    ),
    "handshake that never ends": Case(
        falls_silent(),
        [(0, r"TlsError: no TLS with 127.0.0.1:\d+: no response to the handshake in time \(connection_timeout .*\)")],
        user={"connection_timeout": 0.5},
        seconds=(0.4, 1.5),
        host="https://127.0.0.1:{port}",
    ),
    "101": Case(
        hangs_up(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n\x00\x01"),
        [(0, r"MalformedResponseError: an unrequested switch to another protocol \(101\)")],
    ),
    "interim answers": Case(
        says(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK),
        [FINE, FINE],
        TWICE,
        connections=1,
    ),
    "interim answer and no other": Case(hangs_up(b"HTTP/1.1 103 Early Hints\r\n\r\n"), [(0, UNANSWERED)]),
    "Expect, and 417": Case(
        expects(answer(b"no", status="417 Expectation Failed"), asks_for_body=False),
        [(417, "HTTP 417"), FINE],
        [{"method": "POST", "bytes": 9, "headers": {"Expect": "100-continue"}}, {}],
        connections=2,
    ),
    "Expect, and 100": Case(
        expects(b"HTTP/1.1 100 Continue\r\n\r\n", asks_for_body=True),
        [FINE, FINE],
        [{"method": "POST", "bytes": 9, "headers": {"Expect": "100-continue"}}] * 2,
        texts=["9", "9"],
        connections=1,
        seconds=(0, 0.9),
    ),
    "Expect, and nothing": Case(
        expects(b"", asks_for_body=True),
        [FINE],
        [{"method": "POST", "bytes": 9, "headers": {"Expect": "100-continue"}}],
        texts=["9"],
        seconds=(0.9, 2),
    ),
    "HEAD": Case(
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", OK),
        [FINE, FINE, FINE],
        [{"method": "HEAD"}, {"method": "HEAD"}, {}],
        texts=["", "", "ok"],
        connections=1,
    ),
    "HEAD with chunks that do not come": Case(
        says(ENDLESS, OK), [FINE, FINE], [{"method": "HEAD"}, {}], texts=["", "ok"], connections=1
    ),
    "HEAD with a body": Case(says(OK), [FINE, FINE], [{"method": "HEAD"}, {}], texts=["", "ok"], connections=2),
    "204 and 304": Case(
        says(
            b"HTTP/1.1 204 No Content\r\n\r\n",
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
            b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n",
            OK,
        ),
        [(204, None), (304, None), (204, None), FINE],
        [{}] * 4,
        texts=["", "", "", "ok"],
        connections=1,
    ),
    "until the connection ends": Case(
        hangs_up(b"HTTP/1.1 200 OK\r\n\r\nto the end"), [FINE, FINE], TWICE, texts=["to the end"] * 2, connections=2
    ),
    "Connection: close": Case(says(answer(b"ok", "Connection: close")), [FINE, FINE], TWICE, connections=2),
    "HTTP/1.0": Case(hangs_up(OK.replace(b"1.1", b"1.0")), [FINE, FINE], TWICE, connections=2),
    "HTTP/1.0 that stays": Case(
        says(answer(b"ok", "Connection: keep-alive").replace(b"1.1", b"1.0")), [FINE, FINE], TWICE, connections=1
    ),
    "bare line feeds": Case(says(OK.replace(b"\r\n", b"\n")), [(0, "MalformedResponseError: not HTTP: .*")]),
    "500": Case(says(answer(b"oh", status="500 Internal Server Error")), [(500, "HTTP 500")], texts=["oh"]),
    "status 999": Case(says(answer(b"oh", status="999 What")), [(999, "HTTP 999")]),
    "chain of redirects": Case(
        answers_by_path({b"/": redirect("/a"), b"/a": redirect("b/c?d=1#e"), b"/b/c?d=1": answer(b"there")}),
        [FINE],
        texts=["there"],
        connections=1,
    ),
    "loop of redirects": Case(
        says(redirect("/")),
        [(0, r"TooManyRedirectsError: more than 3 redirects \(max_redirects of the user class\)")],
        user={"max_redirects": 3},
        heard=["GET / .*"] * 4,
    ),
    "redirects not followed": Case(says(redirect("/")), [(302, None)], [{"allow_redirects": False}], texts=["moved"]),
    "redirect to another scheme": Case(
        says(redirect("ftp://127.0.0.1/")),
        [(0, "MalformedResponseError: redirected to 'ftp://127.0.0.1/', which is not HTTP")],
    ),
    "redirect to garbage": Case(
        says(redirect("http://[oh")), [(0, r"MalformedResponseError: redirected to 'http://\[oh', which is no URL")]
    ),
    "redirect to a bad port": Case(
        says(redirect("http://h:x/")), [(0, "UnsendableError: http://h:x is no HTTP address")]
    ),
    "redirect to bytes": Case(
        answers_by_path({b"/": redirect("/\u00e4 b")}), [FINE], heard=["GET / .*", "GET /%C3%A4%20b .*"]
    ),
    "redirect to nowhere": Case(
        says(redirect("http://127.0.0.1:1/")),
        [(0, "CannotConnectError: cannot connect to 127.0.0.1:1: .*")],
        texts=[None],
    ),
    "redirect without a place": Case(says(answer(b"moved", status="302 Found")), [(302, None)], texts=["moved"]),
    "redirect to another host": Case(
        sends_elsewhere,
        [FINE, FINE],
        [{"auth": ["name", "secret"], "headers": {"cookie": "a=1", "X": "y"}}, {}],
        user={"default_headers": {"authorization": "Bearer secret"}},
        heard=[
            "GET (?=.*authorization: basic )(?=.*cookie)(?=.*x: y).*",
            "GET (?=.*host: localhost:)(?!.*authorization)(?!.*cookie)(?=.*x: y).*",
            "GET (?=.*authorization: bearer secret).*",
            "GET (?=.*host: localhost:)(?!.*authorization).*",
        ],
    ),
    "redirect after POST": Case(
        answers_by_path({b"/": redirect("/a", status="303 See Other")}),
        [FINE],
        [{"method": "POST", "bytes": 3, "headers": {"Content-Type": "x/y"}}],
        heard=["POST / (?=.*content-type).*", r"GET /a (?!.*content-).*"],
    ),
    "307 after POST": Case(
        answers_by_path({b"/": redirect("/a", status="307 Temporary Redirect")}),
        [FINE],
        [{"method": "POST", "bytes": 3}],
        heard=["POST / (?=.*content-length: 3).*", "POST /a (?=.*content-length: 3).*"],
    ),
    "redirect with a cookie, then compressed": Case(
        answers_by_path(
            {
                b"/": redirect("/a", "Set-Cookie: a=1"),
                b"/a": answer(gzip.compress(b"unpacked"), "Content-Encoding: gzip", "Set-Cookie: b=2"),
            }
        ),
        [FINE, FINE],
        [{}, {"url": "/c"}],
        texts=["unpacked", "ok"],
        heard=["GET / (?!.*cookie).*", "GET /a (?=.*cookie: a=1\r\n).*", r"GET /c (?=.*cookie: a=1; b=2\r\n).*"],
    ),
    "idle connection ended, GET": Case(says_goodbye_after(0.1), [FINE, FINE], [{}, {"after": 0.4}], connections=2),
    "idle connection ended, POST": Case(
        says_goodbye_after(0.1), [FINE, FINE], [{}, {"after": 0.4, "method": "POST"}], connections=2
    ),
    "connection ended unseen, GET": Case(says_goodbye_after(0), [FINE, FINE], [{}, {"blocked": 0.2}], connections=2),
    "GET on its way when the connection ends": Case(
        breaks_on_second, [FINE, FINE], TWICE, connections=2, heard=["GET.*"] * 3
    ),
    "POST on its way when the connection ends": Case(
        breaks_on_second,
        [FINE, (0, UNANSWERED), FINE],
        [{}, {"method": "POST"}, {}],
        connections=2,
        heard=["GET.*", "POST.*", "GET.*"],
    ),
    "early answer to a large body": Case(
        refuses_early,
        [(413, "HTTP 413"), FINE],
        [{"method": "POST", "bytes": 20 * MB}, {}],
        texts=["too much", "ok"],
        connections=2,
    ),
    "large upload": Case(counts_body, [FINE], [{"method": "POST", "bytes": 20 * MB}], texts=["20971520"]),
    "large download": Case(says(answer(b"x" * 20 * MB)), [FINE], texts=["x" * 100]),
    "cookies": Case(
        answers_by_path(
            {
                b"/": answer(
                    b"",
                    "Set-Cookie: all=1",
                    "Set-Cookie: deep=2; Path=/deep",
                    "Set-Cookie: foreign=3; Domain=example.com",
                    "Set-Cookie: old=4; Max-Age=0",
                    "Set-Cookie: secure=5; Secure",
                )
            }
        ),
        [FINE] * 4,
        [{}, {"url": "/x"}, {"url": "/deep/x"}, {"url": "/x", "headers": {"Cookie": "own=6"}}],
        heard=[
            "GET / (?!.*cookie).*",
            "GET /x (?=.*cookie: all=1; secure=5\r\n)(?!.*(deep|foreign|old)=).*",
            "GET /deep/x (?=.*cookie: deep=2; all=1; secure=5\r\n).*",
            "GET /x (?=.*cookie: own=6\r\n)(?!.*all=).*",
        ],
    ),
    "gzip": Case(says(answer(gzip.compress(b"small"), "Content-Encoding: gzip")), [FINE], texts=["small"]),
    "br": Case(says(answer(brotli.compress(b"small"), "Content-Encoding: br")), [FINE], texts=["small"]),
    "deflate": Case(says(answer(zlib.compress(b"small"), "Content-Encoding: deflate")), [FINE], texts=["small"]),
    "deflate without wrapper": Case(
        says(answer(zlib.compress(b"small", wbits=-15), "Content-Encoding: deflate")), [FINE], texts=["small"]
    ),
    "truncated gzip": Case(
        says(answer(gzip.compress(b"small")[:-9], "Content-Encoding: gzip"), OK),
        [FINE, FINE],
        TWICE,
        texts=[None, "ok"],
    ),
    "an encoding that there is not": Case(
        says(answer(b"ok", "Content-Type: text/x; charset=martian")), [FINE], texts=["ok"]
    ),
    "line break in a header": Case(
        says(OK),
        [(0, "UnsendableError: the header field 'X' contains a line break or a null character"), FINE],
        [{"headers": {"X": "a\r\nEvil: 1"}}, {}],
        heard=["GET (?!.*evil).*"],
    ),
    "line break in a header's name": Case(
        says(OK),
        [(0, "UnsendableError: the header field .* contains a line break.*")],
        [{"headers": {"X\n": "a"}}],
        heard=[],
    ),
    "other alphabets in a header": Case(
        says(OK),
        [(0, "UnsendableError: a header field has characters outside of Latin-1")],
        [{"headers": {"X": "\u0416"}}],
    ),
    "header of bytes, and one left out": Case(
        says(OK),
        [FINE],
        [{"headers": {"user-agent": "mine", "ACCEPT-encoding": None}}],
        heard=["GET (?=.*user-agent: mine\r\n)(?!.*(accept-encoding|harness)).*"],
    ),
    "strange paths": Case(
        says(OK),
        [FINE] * 5,
        [{"url": "/a b"}, {"url": "/\u00e4/%20?q=\u0416#f"}, {"url": "/a\r\nb"}, {"url": "?a=b/c"}, {"url": "/x#a?b"}],
        heard=["GET /a%20b .*", "GET /%C3%A4/%20.q=%D0%96 .*", "GET /a%0D%0Ab .*", "GET /.a=b/c .*", "GET /x .*"],
    ),
    "own length": Case(
        counts_body,
        [FINE],
        [{"method": "POST", "bytes": 3, "headers": {"content-length": "3"}}],
        heard=["POST (?=.*content-length: 3)(?!.*content-length.*content-length).*"],
    ),
    "password in the host": Case(
        says(OK),
        [FINE],
        heard=["GET (?=.*authorization: basic ddpzonm=\r\n).*"],
        host="http://t:s%3As@127.0.0.1:{port}",
    ),
    "two greenlets at once": Case(drips(OK, len(OK), 0.2), [FINE, FINE], TWICE, together=True, connections=2),
    "the client closed meanwhile": Case(drips(OK, len(OK) - 1, 0.2), [FINE] * 3, [{}] * 3, together=True, leaves=True),
    "thirty greenlets at once": Case(says(OK), [FINE] * 30, [{}] * 30, together=True),
    "streamed": Case(
        says(chunked(b"ab", b"cde"), OK), [FINE, FINE], [{"stream": True}, {}], connections=1, texts=["abcde", "ok"]
    ),
    "streamed and not read": Case(
        floods(ENDLESS, b"1000\r\n" + b"x" * 4096 + b"\r\n"), [FINE], [{"stream": True, "read": "nothing"}]
    ),
    "streamed garbage": Case(
        says_later(ENDLESS + b"2\r\nok\r\n", b"zz\r\n"),
        [FINE],
        [{"stream": True}],
        raised="MalformedResponseError: not HTTP: .*",
    ),
    "streamed and lost": Case(
        says_later(ENDLESS + b"2\r\nok\r\n", b""), [FINE], [{"stream": True}], raised=LOST + "body"
    ),
    "streamed and silent": Case(
        falls_silent(ENDLESS + b"2\r\nok\r\n"),
        [FINE],
        [{"stream": True}],
        raised="ResponseTimeoutError: .*",
        seconds=(0.9, 2),
    ),
    "streamed redirects": Case(answers_by_path({b"/": redirect("/a")}), [FINE], [{"stream": True}], texts=["ok"]),
}
