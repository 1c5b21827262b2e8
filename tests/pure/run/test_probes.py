"""The monitoring overhead of a leg includes the cost of all its probes."""

import time
from typing import cast
from unittest.mock import Mock

import pytest
import redis

from harness.probes.access import Cache
from harness.probes.reader import Probe
from harness.probes.registry import probes_of
from harness.record.leg import Leg
from harness.record.run_folder import RunFolder
from harness.run.probes import Probes

LEAST = 0.05


def busy() -> None:
    while time.thread_time() < LEAST:
        pass


def refused() -> redis.Redis:
    raise redis.ConnectionError("connection refused")


@pytest.mark.parametrize("which", ["processes", "metrics"])
def test_the_cost_of_every_probe_counts(which: str) -> None:
    probe = Probe({"busy": busy})
    probe.record = which  # type: ignore[misc] # as of a kind of probe
    with Probes([probe, *probes_of([Cache("redis", refused)])]) as probes:
        pass
    folder = Mock(spec=RunFolder)
    probes.write(Leg(1, 1, "before"), cast("RunFolder", folder))
    written = {call.args[1]: call.args[2] for call in folder.write_probe.call_args_list}
    costs = {name: value for _, source, name, value in written["servers"] if source == "server:probes"}
    assert LEAST <= costs["probe_cpu_seconds"] < 4 * LEAST
