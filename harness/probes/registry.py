"""The registry of probes, by the type of what they read.

A new probe is a type in ``harness.probes.access``, a module with a subclass of ``Probe``, and a row here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from harness.probes.access import Cache, Database, MetricsEndpoint, ServiceContainer, ServiceProcess
from harness.probes.postgres import PostgresProbe
from harness.probes.process import ProcessProbe
from harness.probes.prometheus import MetricsProbe
from harness.probes.reader import Probe
from harness.probes.redis import RedisProbe


def probes_of(monitored: Iterable[object]) -> list[Probe]:
    """One probe for all values of a type, in the order of ``PROBES``; raises ``TypeError`` if no probe reads a type."""
    by_type: dict[type, list[object]] = {}
    for one in monitored:
        by_type.setdefault(type(one), []).append(one)
    if unknown := [kind.__name__ for kind in by_type if kind not in PROBES]:
        raise TypeError(f"no probe reads {unknown[0]}")
    return [make(by_type[kind]) for kind, make in PROBES.items() if kind in by_type]


def _containers(found: Sequence[ServiceContainer]) -> Probe:
    from harness.probes.container import ContainerProbe  # noqa: PLC0415 - the Docker SDK takes a second

    return ContainerProbe(found[0].client, {one.name: one.id for one in found})


PROBES: Mapping[type, Callable[[Any], Probe]] = {
    ServiceProcess: lambda found: ProcessProbe({one.name: one.process for one in found}),
    ServiceContainer: _containers,
    MetricsEndpoint: lambda found: MetricsProbe({one.service: one.url for one in found}, found[0].read),
    Database: PostgresProbe,
    Cache: RedisProbe,
}
