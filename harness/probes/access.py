"""What probes read, with its access: processes, containers, metrics endpoints, databases, caches."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
import redis

if TYPE_CHECKING:
    import docker

Connection = psycopg.Connection[tuple[Any, ...]]
NAME = "harness"
"""The application_name of the harness."""


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL database of a leg; its repr hides the connections, which may contain a password."""

    service: str | None  # that uses it; ``None`` if services have no names, or share it
    name: str
    connect: Callable[[], Connection] = field(repr=False)  # in autocommit mode, the administrator's if known
    statistics: Callable[[], Connection] = field(repr=False)  # to the server's database with pg_stat_statements
    log: Path | None = None  # of the server; ``None`` if not readable


@dataclass(frozen=True, slots=True)
class Cache:
    """A Redis server of a leg; its repr hides the connection."""

    name: str
    connect: Callable[[], redis.Redis] = field(repr=False)


class HasPid(Protocol):
    """A process that a probe reads."""

    @property
    def pid(self) -> int:
        """The id, which a restart changes."""


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """A process of this machine; ``name`` is the source of its readings."""

    name: str
    process: HasPid


@dataclass(frozen=True, slots=True)
class ServiceContainer:
    """A container; ``name`` is the source of its readings, ``id`` is Docker's."""

    name: str
    id: str
    client: "docker.DockerClient" = field(repr=False)


@dataclass(frozen=True, slots=True)
class MetricsEndpoint:
    """A Prometheus endpoint of a service; ``read``: names of the metrics to read."""

    service: str
    url: str = field(repr=False)
    read: tuple[str, ...]
