"""Access: how probes reach what they read of a leg: processes, containers, metrics endpoints, databases, caches."""

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
"""The application_name of the harness's connections."""


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL database of a leg; its repr hides how it is reached, which may contain a password.

    Attributes:
        service: the service that uses it; ``None`` where services have no names, or share it.
        name: its name on the server.
        connect: opens a connection in autocommit mode, the administrator's where there is one.
        statistics: opens a connection to the database of the same server that has pg_stat_statements, if one has it.
        log: the server's log file, where it can be read.
    """

    service: str | None
    name: str
    connect: Callable[[], Connection] = field(repr=False)
    statistics: Callable[[], Connection] = field(repr=False)
    log: Path | None = None


@dataclass(frozen=True, slots=True)
class Cache:
    """A Redis server of a leg; its repr hides how it is reached, as that of ``Database``."""

    name: str
    connect: Callable[[], redis.Redis] = field(repr=False)


class HasPid(Protocol):
    """A process; another one after a restart."""

    @property
    def pid(self) -> int:
        """The present process id."""


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """A server or service of a leg that is a process of this machine; ``name`` is the source of its readings."""

    name: str
    process: HasPid


@dataclass(frozen=True, slots=True)
class ServiceContainer:
    """A server or service of a leg that is a container; ``name`` is the source of its readings, ``id`` the engine's."""

    name: str
    id: str
    client: "docker.DockerClient" = field(repr=False)


@dataclass(frozen=True, slots=True)
class MetricsEndpoint:
    """Where a service exposes its own metrics in the text form of Prometheus; ``read`` are the names wanted."""

    service: str
    url: str = field(repr=False)
    read: tuple[str, ...]
