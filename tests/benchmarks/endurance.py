"""Half an hour at 2,000 requests a second: does the generator's memory grow?"""

import threading
import time

import psutil

from harness.statistics.time_series import trend
from tests.benchmarks.rig import generate, nginx

MINUTES = 30
STAGES = f"""
[[stages]]
kind = "endurance"
seconds = {MINUTES * 60}
rate = 2000
users = 500
"""
EVERY_SECONDS, SETTLED_SECONDS = 5, 120


def main() -> None:
    """Print the slope of its resident memory after two minutes, with its interval, and what was measured."""
    readings: list[float] = []
    with nginx() as url:
        watching = threading.Thread(target=_watch, args=(readings,), daemon=True)
        leg = generate(url, STAGES, begun=watching.start)
    settled = [value / 1e6 for value in readings[SETTLED_SECONDS // EVERY_SECONDS :]]
    slope, per_hour = trend(settled), 3600 / EVERY_SECONDS
    print("MB every five minutes: " + ", ".join(f"{value:.1f}" for value in settled[:: 300 // EVERY_SECONDS]))
    print(f"{len(leg.samples):,} requests, {leg.errors} errors, memory {settled[0]:.1f} MB to {settled[-1]:.1f} MB")
    if slope is not None:
        value, low, high = (part * per_hour for part in (slope.value, slope.low, slope.high))
        print(f"slope {value:+.2f} MB per hour, 95 % interval {low:+.2f} to {high:+.2f}")


def _watch(readings: list[float]) -> None:
    found = [one for one in psutil.process_iter(["cmdline"]) if "harness.generator" in (one.info["cmdline"] or ())]
    while found:
        try:
            readings.append(float(found[0].memory_info().rss))
        except psutil.NoSuchProcess:
            return
        time.sleep(EVERY_SECONDS)
