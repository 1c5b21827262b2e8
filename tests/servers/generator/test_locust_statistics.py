"""Statistics in batches always equal Locust's own.

Locust patches the process that imports it, so the comparison runs in a child.
"""

import subprocess
import sys

import pytest

COMPARISON = """
import random
import sys
import time

from locust import stats as locusts
from locust.stats import RequestStats

from harness.generator.recording import locust_statistics
from harness.generator.recording.locust_statistics import LocustStatistics

locust_statistics.MAX_PENDING = 50
if sys.argv[1] == "3":
    locusts.bucket_response_time = lambda value: int(value) // 7 * 7  # as user files may
chance, now = random.Random(int(sys.argv[1])), 1_700_000_000.0
time.time = lambda: now
own, batched = RequestStats(use_response_times_cache=False), LocustStatistics()


def seen(stats):
    entries = {key: vars(entry) | {"stats": None} for key, entry in stats.entries.items()}
    total = vars(stats.total) | {"stats": None}
    for entry in (*entries.values(), total):
        entry["total_response_time"] = round(entry["total_response_time"], 6)  # summed in another order
    return entries, total, stats.serialize_stats() and len(stats.serialize_stats()), stats.num_requests


looks = 0
for _ in range(3000):
    what, method = chance.random(), chance.choice(["GET", "POST"])
    name = chance.choice(["/a", "/b", ""])
    value = None if what < 0.05 else chance.choice([0, 0.4, chance.lognormvariate(3, 3)])
    for stats in (own, batched):
        stats.log_request(method, name, value, length := chance.randrange(0, 5) if stats is own else length)
        if what > 0.9:
            stats.log_error(method, name, ValueError("no"))
    if what > 0.98:
        assert seen(own) == seen(batched)
        looks += 1
    elif what > 0.975:
        batched.update_entries()
        now += 1.25  # as it is done once a second
    elif what > 0.974:
        own.clear_all() if what > 0.9745 else own.reset_all()
        batched.clear_all() if what > 0.9745 else batched.reset_all()
assert seen(own) == seen(batched)
print(looks, own.num_requests, own.num_failures)
"""


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_batches_equal_single_requests(seed: int) -> None:
    command = [sys.executable, "-W", "ignore", "-c", COMPARISON, str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr[-1500:]
    looks, requests, failures = map(int, done.stdout.split())
    assert looks > 20
    assert requests > 50
    assert failures > 5
