"""Access: how the databases and caches of the leg that runs are reached by who reads beside the load."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis

Connection = psycopg.Connection[tuple[Any, ...]]
NAME = "harness"
"""What connections of the harness call themselves."""


@dataclass(frozen=True, slots=True)
class Database:
    """A database that a leg works on; shown without how it is reached, which may have a password in it.

    Attributes:
        service: whose it is; ``None`` where services have no names, or share it.
        name: as its server knows it.
        connect: a connection in autocommit mode, an administrator's where there is one.
        log: the file that its server writes its log to, where it can be read.
        statistics: one to the database of the same server in which pg_stat_statements is, if it is anywhere.
    """

    service: str | None
    name: str
    connect: Callable[[], Connection] = field(repr=False)
    statistics: Callable[[], Connection] = field(repr=False)
    log: Path | None = None


@dataclass(frozen=True, slots=True)
class Cache:
    """A Redis server that a leg works with; shown as a ``Database`` is."""

    name: str
    connect: Callable[[], redis.Redis] = field(repr=False)
