"""``python server.py --port 8080``: a service whose latency is known.

``GET /answer`` hashes as many rounds as ``SELFTEST_WORK`` says, which costs CPU time. With ``SELFTEST_WAITED``, the
name of a file, it then waits before it responds, and appends the ms between request and response to the file.
``GET /health`` responds at once.
"""

import argparse
import asyncio
import hashlib
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

MIN_MS, SPAN_MS = 5.0, 45.0
GOLDEN_RATIO = 0.6180339887498949
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"
NOTHING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def waits_ms() -> Iterator[float]:
    """The wait for each request in turn, in ms: 5 to 50, evenly spread over any part of the sequence.

    Source: Weyl (1916), the multiples of an irrational number.
    """
    return (MIN_MS + SPAN_MS * (number * GOLDEN_RATIO % 1) for number in itertools.count(1))


class Service:
    """State of all connections: rounds of hashing, file and sequence of the waits."""

    def __init__(self, rounds: int, waited: TextIO | None) -> None:
        self.rounds, self.waited, self.waits = rounds, waited, waits_ms()


class SelftestConnection(asyncio.Protocol):
    """One connection; requests have no bodies."""

    def __init__(self, service: Service) -> None:
        self.service, self.received = service, b""
        self.transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - of a TCP server
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Respond to every complete request."""
        received_at = time.perf_counter()
        *whole, self.received = (self.received + data).split(b"\r\n\r\n")
        for request in whole:
            self._respond(request.split(b" ")[1:2], received_at)

    def _respond(self, path: list[bytes], received_at: float) -> None:
        if path == [b"/health"]:
            self.transport.write(ANSWER)
            return
        if path != [b"/answer"]:
            self.transport.write(NOTHING)
            return
        if self.service.rounds:
            hashlib.pbkdf2_hmac("sha256", b"selftest", b"salt", self.service.rounds)
        if self.service.waited is None:
            self.transport.write(ANSWER)
            return
        asyncio.get_running_loop().call_later(
            next(self.service.waits) / 1000, self._respond_late, self.service.waited, received_at
        )

    def _respond_late(self, waited: TextIO, received_at: float) -> None:
        if not self.transport.is_closing():
            waited.write(f"{(time.perf_counter() - received_at) * 1000:.6f}\n")
            self.transport.write(ANSWER)


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    path = os.environ.get("SELFTEST_WAITED")
    waited = Path(path).open("w", encoding="ascii", buffering=1) if path else None  # noqa: ASYNC230, SIM115 - once
    service = Service(int(os.environ.get("SELFTEST_WORK", "0")), waited)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SelftestConnection(service), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


def main() -> None:
    """Serve on the port of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="on the loopback")
    asyncio.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
