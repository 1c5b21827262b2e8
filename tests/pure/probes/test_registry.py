"""The probes of a leg, by the types of what they read."""

import os
from pathlib import PurePosixPath
from types import SimpleNamespace

import psycopg
import pytest
import redis

from harness.probes.access import Cache, Connection, Database, MetricsEndpoint, ServiceProcess
from harness.probes.postgres import PostgresProbe
from harness.probes.process import ProcessProbe
from harness.probes.prometheus import MetricsProbe
from harness.probes.reader import Probe
from harness.probes.redis import RedisProbe
from harness.probes.registry import PROBES, probes_of


def refused() -> Connection:
    raise psycopg.OperationalError


def gone() -> redis.Redis:
    raise redis.ConnectionError


PROCESS = ServiceProcess("api", SimpleNamespace(pid=os.getpid()))
DATABASES = [Database(service, service, refused, refused) for service in ("auth", "feed")]
CACHE = Cache("redis", gone)
ENDPOINT = MetricsEndpoint("api", "http://127.0.0.1:9/metrics", ("up",))


@pytest.mark.parametrize(
    ("monitored", "kinds"),
    [
        ([], []),
        ([PROCESS, PROCESS], [ProcessProbe]),
        ([CACHE, *DATABASES, PROCESS, ENDPOINT], [ProcessProbe, MetricsProbe, PostgresProbe, RedisProbe]),
    ],
)
def test_everything_of_a_type_gets_one_probe_in_the_order_of_the_table(
    monitored: list[object], kinds: list[type[Probe]]
) -> None:
    assert [type(probe) for probe in probes_of(monitored)] == kinds


def test_what_no_probe_reads_is_an_error() -> None:
    with pytest.raises(TypeError, match="no probe reads PurePosixPath"):
        probes_of([PurePosixPath("/")])


def test_every_kind_of_probe_says_which_record_its_readings_belong_to() -> None:
    records = {kind.__name__: kind.record for kind in Probe.__subclasses__()}
    assert set(records.values()) <= {"processes", "metrics", "servers"}
    assert len(PROBES) >= len(records)
