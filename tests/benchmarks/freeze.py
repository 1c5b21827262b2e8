"""A server frozen for 6 s of 30 at 100 requests a second: its P95 is 4.5 s and its P99 5.7 s, by arithmetic."""

import os
import signal
from threading import Timer

import psutil

from tests.benchmarks.rig import generate, nginx

OPEN = """
[[stages]]
kind = "sustain"
seconds = 30
rate = 100
users = {users}
"""
CLOSED = """
[[stages]]
kind = "sustain"
seconds = 30
users = 10
"""
AT_SECOND, FROZEN_SECONDS = 12, 6


def main() -> None:
    """Print P95 and P99 of open plans with many and few users, and of ten closed users who ask ten times a second."""
    uniform = 'arrivals = "uniform"\n'
    print(f"{'':36}{'P95 ms':>9}{'P99 ms':>9}{'requests':>10}")
    print(f"{'by arithmetic':36}{4500:9}{5700:9}{3000:10}")
    for name, stages, load, wait in (
        ("open, 1,000 users at most", OPEN.format(users=1000), uniform, "constant(0)"),
        ("open, 10 users at most", OPEN.format(users=10), uniform, "constant(0)"),
        ("closed, 10 users", CLOSED, "", "constant_pacing(0.1)"),
    ):
        with nginx() as url:
            leg = generate(url, stages, wait=wait, load=load, begun=_freeze)
        for title, service in ((name, False), ("  service time", True)):
            _, p95, p99 = leg.percentiles("sustain", service=service)
            print(f"{title:36}{p95:9,.0f}{p99:9,.0f}{len(leg.samples):10,}", flush=True)


def _freeze() -> None:
    workers = [one.pid for one in psutil.process_iter(["name"]) if one.info["name"] == "nginx" and not one.children()]
    for pid in workers:
        Timer(AT_SECOND, os.kill, (pid, signal.SIGSTOP)).start()
        Timer(AT_SECOND + FROZEN_SECONDS, os.kill, (pid, signal.SIGCONT)).start()
