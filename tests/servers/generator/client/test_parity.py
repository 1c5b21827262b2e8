"""A user file that changes one import measures the same: the harness's HttpUser behaves like FastHttpUser.

Both clients run the same uses against one real server, which echoes the request.
"""

import email.parser
import email.policy
import json
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import brotli
import pytest

ROOT = Path(__file__).parents[4]
USES = sorted(
    line.removeprefix("def ").partition("(")[0]
    for before, line in zip(
        *[Path(__file__).with_name("uses.py").read_text().splitlines()[n:] for n in (0, 1)], strict=False
    )
    if before == "@use"
)
COMPRESS = {
    "gzip": lambda data: zlib.compress(data, wbits=31),
    "deflate": zlib.compress,
    "br": brotli.compress,
}
ENCODINGS = [
    ("text/plain; charset=utf-8", "größer".encode()),
    ("text/plain", "größer".encode("latin-1")),
    ("application/json", '"größer"'.encode()),
    ("application/octet-stream", "größer als alle anderen Wörter".encode()),
]


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def answer(self) -> None:
        got = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0].split("/")
        match path[1:]:
            case ["status", status]:
                self.say(int(status), b"" if status in {"204", "304"} else b'{"status": "as asked"}')
            case ["redirect", status]:
                self.say(int(status), b"moved", Location="/echo?moved=1")
            case ["cookie"]:
                self.say(200, b"", **{"Set-Cookie": "session=1; Path=/"})
            case ["many"]:
                self.say(200, b"", **{"X-One": "1", "x-two": "a, b", "Content-Type": "text/plain"})
            case ["compressed", kind]:
                self.say(200, COMPRESS[kind](b"unpacked " * 100), **{"Content-Encoding": kind})
            case ["encoding", number]:
                kind, body = ENCODINGS[int(number)]
                self.say(200, body, **{"Content-Type": kind})
            case ["length"]:
                self.say(200, b"x" * 100)
            case ["lines"]:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for part in (b"one\ntw", b"o\r\n\nthree \xc3\xa4\n", b"end"):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.write(b"0\r\n\r\n")
            case _:
                self.say(200, json.dumps(self.told(got)).encode(), **{"Content-Type": "application/json"})

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer  # noqa: N815 - the library's names

    def told(self, got: bytes) -> dict[str, Any]:
        kind = self.headers.get("Content-Type", "")
        body: Any = got.decode("latin-1")
        if kind.startswith("multipart/form-data"):
            raw = f"Content-Type: {kind}\r\n\r\n".encode() + got
            parts = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(raw).iter_parts()
            body = sorted(
                [
                    part.get_param("name", header="content-disposition"),
                    part.get_filename(),
                    part.get_content()
                    if part.get_content_maintype() == "text"
                    else part.get_content().decode("latin-1"),
                ]
                for part in parts
            )
            kind = "multipart/form-data"
        names = ("Authorization", "Cookie", "X-Own", "X-Default", "User-Agent", "Accept", "Accept-Encoding")
        fields = {name: self.headers.get_all(name) for name in (*names, "Content-Length")}
        if isinstance(body, list):
            del fields["Content-Length"]
        path = self.path if "_=" not in self.path else self.path[: self.path.index("_=") + 2]
        return {"method": self.command, "path": path, "body": body, "kind": kind, "fields": fields}

    def say(self, status: int, body: bytes, **fields: str) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        if status not in {204, 304}:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def done() -> Iterator[dict[str, Any]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        command = [
            sys.executable,
            "-m",
            "tests.servers.generator.client.uses",
            f"http://127.0.0.1:{server.server_port}",
        ]
        finished = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
        assert finished.returncode == 0, finished.stderr
        yield json.loads(finished.stdout)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("name", sorted({*USES} - {"a_file"}))
def test_both_clients_do_the_same(done: dict[str, Any], name: str) -> None:
    assert done["lean"][name]["events"] == done["fast"][name]["events"]
    assert done["lean"][name]["returned"] == done["fast"][name]["returned"]


def test_a_file_is_sent_with_its_length(done: dict[str, Any]) -> None:
    """FastHttpUser sends it in chunks."""
    got = json.loads(done["lean"]["a_file"]["returned"])
    assert (got["body"], got["fields"]["Content-Length"]) == ("a file", ["6"])
