"""Version, settings and sizes of a running database, read in a read-only transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import psycopg
import redis
from psycopg.conninfo import conninfo_to_dict

from harness.environment.postgres import row_counts
from harness.environment.servers import NO_RETRY
from harness.environment.settings import postgres_settings
from harness.errors import EnvironmentFailedError
from harness.probes.access import NAME, Connection

V = TypeVar("V")
CONNECT_SECONDS, ANSWER_MS = 5, 10_000
COUNTED_BYTES = 64 * 2**20
"""Rows of larger tables are estimated: counting them would take long and evict cached buffers."""
_LIMITS = ("SET TRANSACTION READ ONLY", "SET LOCAL statement_timeout = '60s'", "SET LOCAL lock_timeout = '5s'")
_SIZE = "SELECT pg_size_pretty(pg_database_size(current_database()))"


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """Version and settings of the server, and rows by table; those of large tables are estimates."""

    version: str
    settings: Mapping[str, str] = field(default_factory=dict)
    row_counts: Mapping[str, int] = field(default_factory=dict)


def read_database(dsn: str, where: str) -> DatabaseFacts:
    """The facts of a database; raises ``EnvironmentFailedError`` with the key ``where``, not with user or password."""
    try:
        secret = [str(value) for key, value in conninfo_to_dict(dsn).items() if key in {"user", "password"} and value]
    except psycopg.Error:
        what = "is no address of a database; write postgresql://USER:PASSWORD@HOST:PORT/NAME"
        raise EnvironmentFailedError(f"{where}: {what}") from None
    try:
        with psycopg.connect(dsn, connect_timeout=CONNECT_SECONDS, prepare_threshold=None) as connection:
            return _facts(connection)
    except (psycopg.Error, UnicodeError) as error:
        text = " ".join(str(error).split())
        for value in secret:
            text = text.replace(value, "\N{HORIZONTAL ELLIPSIS}")
        fix = "start it, correct the address, or remove the key"
        raise EnvironmentFailedError(f"{where}: the database does not answer ({text}); {fix}") from None


def connect(dsn: str) -> Connection:
    """A connection for short queries; without prepared statements, because a pooler may be in between."""
    return psycopg.connect(
        dsn,
        autocommit=True,
        prepare_threshold=None,
        application_name=NAME,
        connect_timeout=CONNECT_SECONDS,
        tcp_user_timeout=ANSWER_MS,
    )


def connect_cache(url: str) -> redis.Redis:
    """A client of a Redis server; it connects with its first command."""
    options = {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": CONNECT_SECONDS, "retry": NO_RETRY}
    try:
        return redis.Redis.from_url(url if "://" in url else f"redis://{url}", **options)
    except ValueError:
        raise redis.ConnectionError("no address of a Redis server") from None


def database_name(dsn: str) -> str:
    """The name of the database at an address."""
    return str(conninfo_to_dict(dsn).get("dbname") or "its default database")


def by_arm(facts: Mapping[str, Mapping[str, V]], arms: int) -> dict[str, V]:
    """Facts of all arms in one mapping: by name if all arms agree, else by ``name, arm``."""
    found: dict[str, V] = {}
    for name in dict.fromkeys(name for of_arm in facts.values() for name in of_arm):
        values = {arm: of_arm[name] for arm, of_arm in facts.items() if name in of_arm}
        if len(values) == arms and len({*values.values()}) == 1:
            found[name] = next(iter(values.values()))
        else:
            found |= {f"{name}, {arm}": value for arm, value in values.items()}
    return found


def _facts(connection: Connection) -> DatabaseFacts:
    for statement in _LIMITS:
        connection.execute(statement.encode())
    settings = postgres_settings(connection) | {"database size": _one(connection, _SIZE)}
    counts = row_counts(connection, count_up_to_bytes=COUNTED_BYTES)
    return DatabaseFacts(_one(connection, "SHOW server_version"), settings, counts)


def _one(connection: Connection, query: str) -> str:
    ((value,),) = connection.execute(query.encode()).fetchall()
    return str(value)
