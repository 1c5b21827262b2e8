"""Percentiles against a server that knows its own: lognormal, median 20 ms, sigma 0.8, at 3,400 arrivals a second."""

import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.benchmarks.rig import SERVER, await_answer, generate, pinned

RATE, SECONDS, MEDIAN_SECONDS, SIGMA = 3400, 30, 0.020, 0.8
STAGES = f"""
[[stages]]
kind = "sustain"
seconds = {SECONDS}
rate = {RATE}
"""
SERVICE = f"""
import asyncio, random, signal, sys, time
import uvloop

chance = random.Random(5)
took = []


class Answer(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        begun = time.perf_counter()
        loop.call_later(chance.lognormvariate({math.log(MEDIAN_SECONDS)}, {SIGMA}), self.answer, begun)

    def answer(self, begun):
        self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
        took.append(time.perf_counter() - begun)


async def main():
    server = await loop.create_server(Answer, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()

loop = uvloop.new_event_loop()
loop.run_until_complete(main())
open(sys.argv[1], "w").write("\\n".join(f"{{one:.9f}}" for one in took))
"""


def main() -> None:
    """Print P50, P95 and P99 of the server and as measured, and the tolerance."""
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "took"
        server = pinned(SERVER, [sys.executable, "-c", SERVICE, str(known)], stdout=subprocess.PIPE, text=True)
        try:
            url = await_answer(f"http://127.0.0.1:{int(server.stdout.readline())}")  # type: ignore[union-attr]
            leg = generate(url, STAGES)
        finally:
            server.terminate()
            server.wait()
        took = np.loadtxt(known)[1:] * 1000  # the first was the readiness check
    if leg.errors or len(took) != len(leg.samples):
        sys.exit(f"{leg.errors} errors; the server answered {len(took)} requests, {len(leg.samples)} were measured")
    truth = np.percentile(took, (50, 95, 99), method="inverted_cdf")
    print(f"{'':12}{'P50 ms':>10}{'P95 ms':>10}{'P99 ms':>10}")
    for name, values in (
        ("server", truth),
        ("measured", leg.percentiles("sustain")),
        ("service", leg.percentiles("sustain", service=True)),
        ("may differ", [0.015 * value + 0.3 for value in truth]),
    ):
        print(f"{name:12}" + "".join(f"{value:10.2f}" for value in values))
    (offered,) = leg.windows["offered"]
    lag = leg.windows["schedule_lag_p99_ms"]
    print(f"{offered['started']} of {offered['planned']} arrivals, schedule lag P99 {lag:.2f} ms")
