"""What reading beside a leg cost is what all its probes cost, those of processes and metrics too."""

import time
from typing import Any, cast
from unittest.mock import Mock

import pytest
import redis

from harness.leg import Leg
from harness.probes.access import Cache
from harness.probes.metrics import MetricsProbe
from harness.probes.reader import Reader
from harness.running.beside import Probes
from harness.store import RunFolder

LEAST = 0.05


def busy() -> None:
    while time.thread_time() < LEAST:
        pass


def refused() -> redis.Redis:
    raise redis.ConnectionError("nobody is there")


@pytest.mark.parametrize("which", ["processes", "metrics"])
def test_the_cost_of_every_probe_counts(which: str) -> None:
    metrics: Any = Reader({"busy": busy}) if which == "metrics" else MetricsProbe({}, ())
    processes = Reader({"busy": busy} if which == "processes" else {})
    with Probes(processes, metrics, [], [Cache("redis", refused)]) as beside:
        pass
    folder = Mock(spec=RunFolder)
    beside.write(Leg(1, 1, "before"), cast("RunFolder", folder))
    written = {call.args[1]: call.args[2] for call in folder.write_probe.call_args_list}
    costs = {name: value for _, source, name, value in written["servers"] if source == "server:probes"}
    assert LEAST <= costs["probe_cpu_seconds"] < 4 * LEAST
