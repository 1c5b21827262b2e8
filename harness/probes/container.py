"""CPU, memory, threads, network, disk and throttling of containers, as Docker reports them.

Memory is anonymous plus shared memory, as in ``probes.process``; if Docker does not report these, usage without
inactive files.
"""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import docker
from docker.errors import DockerException
from urllib3.exceptions import HTTPError

from harness.probes.reader import Probe, Row
from harness.record.readings import CPU, MEMORY, THREADS

NETWORK_IN, NETWORK_OUT = "network_in_bytes", "network_out_bytes"
DISK_READ, DISK_WRITTEN = "disk_read_bytes", "disk_written_bytes"
THROTTLED = "throttled_seconds"
BROKEN_STREAM = (DockerException, HTTPError, OSError, ValueError, AttributeError)
"""Errors of a stream after Docker or the container has stopped."""


class ContainerProbe(Probe):
    """``cpu_of_host``: share of all cores since the last reading; ``memory_bytes``: present value; others: counts."""

    record = "processes"

    def __init__(self, client: docker.DockerClient, containers: Mapping[str, str]) -> None:
        streams = {name: client.api.stats(identity, decode=True, stream=True) for name, identity in containers.items()}
        reads = {f"container probe {name}": partial(self._read, name, stream) for name, stream in streams.items()}
        super().__init__(reads, join_seconds=5)

    def _read(self, name: str, stream: Any) -> None:  # noqa: ANN401 - the SDK has no types
        before: Mapping[str, Any] | None = None
        try:
            for reading in stream:
                if self._done.is_set():
                    return
                self.rows += rows_of(name, reading, before, time.time_ns())
                before = reading
        except BROKEN_STREAM:
            return  # the environment's check reports it


def rows_of(name: str, reading: Mapping[str, Any], before: Mapping[str, Any] | None, at_ns: int) -> list[Row]:
    """The rows of one reading of Docker's statistics; CPU needs the reading ``before``."""
    found = _memory(reading.get("memory_stats") or {}) | _traffic(reading)
    found[THROTTLED] = (reading["cpu_stats"].get("throttling_data") or {}).get("throttled_time", 0) / 1e9
    if (threads := (reading.get("pids_stats") or {}).get("current")) is not None:
        found[THREADS] = threads
    if before is not None and (share := _cpu(reading, before)) is not None:
        found[CPU] = share
    return [(at_ns, name, key, float(value)) for key, value in found.items()]


def _cpu(reading: Mapping[str, Any], before: Mapping[str, Any]) -> float | None:
    """CPU time of the container ÷ that of all cores, idle time included."""
    now, then = reading["cpu_stats"], before["cpu_stats"]
    host = now.get("system_cpu_usage", 0) - then.get("system_cpu_usage", 0)
    spent = now["cpu_usage"]["total_usage"] - then["cpu_usage"]["total_usage"]
    return max(spent / host, 0.0) if host > 0 else None


def _memory(stats: Mapping[str, Any]) -> dict[str, float]:
    detail = stats.get("stats") or {}
    for anonymous, shared in (("total_rss", "total_shmem"), ("anon", "shmem")):
        if anonymous in detail:
            return {MEMORY: detail[anonymous] + detail.get(shared, 0)}
    if "usage" not in stats:
        return {}
    return {MEMORY: stats["usage"] - detail.get("total_inactive_file", detail.get("inactive_file", 0))}


def _traffic(reading: Mapping[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    networks = (reading.get("networks") or {}).values()
    if networks:
        found[NETWORK_IN] = sum(network["rx_bytes"] for network in networks)
        found[NETWORK_OUT] = sum(network["tx_bytes"] for network in networks)
    blocks = (reading.get("blkio_stats") or {}).get("io_service_bytes_recursive") or []
    for key, name in (("read", DISK_READ), ("write", DISK_WRITTEN)):
        found[name] = sum(block["value"] for block in blocks if str(block["op"]).lower() == key)
    return found
