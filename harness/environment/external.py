"""External: a system that already runs; two commands of the plan prepare it for each leg.

``switch`` directs requests to an arm, ``reset`` restores its data. Addresses and secrets come from ``${NAME}`` of the
caller's environment; messages, logs and records show the text of the plan, never the values.
"""

import os
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import psycopg
import redis
from psycopg.conninfo import conninfo_to_dict

from harness.environment.base import Environment
from harness.environment.postgres import row_counts
from harness.environment.readiness import await_ready, why_not_ok
from harness.environment.servers import NO_RETRY
from harness.environment.settings import by_arm, postgres_settings, redis_settings
from harness.environment.variables import expand, expand_url, expand_values
from harness.errors import EnvironmentFailedError, NotReadyError
from harness.plan.checks.external import PLACEHOLDER
from harness.plan.environment import External
from harness.plan.model import Arm, Plan
from harness.probes.access import NAME, Cache, Connection, Database
from harness.record.leg import Leg
from harness.record.readings import CACHE
from harness.record.trial import Migration, Startup

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
    limits: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "tcp_user_timeout": ANSWER_MS}
    return psycopg.connect(dsn, autocommit=True, prepare_threshold=None, application_name=NAME, **limits)


def connect_cache(url: str) -> redis.Redis:
    """A client of a Redis server; it connects with its first command."""
    options = {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": CONNECT_SECONDS, "retry": NO_RETRY}
    try:
        return redis.Redis.from_url(url if "://" in url else f"redis://{url}", **options)
    except ValueError:
        raise redis.ConnectionError("no address of a Redis server") from None


def _facts(connection: Connection) -> DatabaseFacts:
    for statement in _LIMITS:
        connection.execute(statement.encode())
    settings = postgres_settings(connection) | {"database size": _one(connection, _SIZE)}
    counts = row_counts(connection, count_up_to_bytes=COUNTED_BYTES)
    return DatabaseFacts(_one(connection, "SHOW server_version"), settings, counts)


def _one(connection: Connection, query: str) -> str:
    ((value,),) = connection.execute(query.encode()).fetchall()
    return str(value)


@dataclass(frozen=True, slots=True)
class ExternalArm:
    """An arm with expanded values: base URLs by key of the plan, environment variables and addresses."""

    urls: dict[str, str]
    env: dict[str, str]
    postgres: str | None
    redis: str | None = None


class ExternalEnvironment(Environment):
    """Switches and resets a running system, and waits for it.

    ``check`` sends no request: refused connections under load are samples of the leg, health checks would be load of
    another kind. The next leg waits until the service answers again.
    """

    def __init__(self, plan: Plan, base: Path, logs: Path, say: Callable[[str], None]) -> None:
        super().__init__(plan, base, logs, say)
        self.spec = plan.system(External)
        self.cwd = Path(os.path.normpath(base / self.spec.cwd))
        self._arms: dict[str, ExternalArm] = {}
        self._facts: dict[str, DatabaseFacts] = {}
        self._answers: str | None = None
        self._leg: ExternalArm | None = None

    def __enter__(self) -> Self:
        """Expand ``${NAME}`` from the caller's environment, and start the watchdog; sends no request yet."""
        if not self.cwd.is_dir():
            raise EnvironmentFailedError(f"environment.cwd: no folder {self.cwd}")
        self._arms = {arm: self._arm(arm, part) for arm, part in self.plan.arms_in_order.items()}
        before, after = (list(self._arms[arm].urls.values()) for arm in ("before", "after"))
        if before == after and not self.spec.switch:
            what = "its expanded address is that of arms.before; correct it, or set environment.switch"
            raise EnvironmentFailedError(f"{next(iter(self._arms['after'].urls))}: {what}")
        self.guard()
        return self

    def prepare(self) -> list[Migration]:
        """Check that databases answer, and services too unless a switch has to come first; migrates nothing."""
        self.logs.mkdir(parents=True, exist_ok=True)
        known: dict[str, DatabaseFacts] = {}
        for arm, one in self._arms.items():
            if one.postgres and one.postgres not in known:
                known[one.postgres] = read_database(one.postgres, self._postgres_key(arm))
            if one.postgres:
                self._facts[arm] = known[one.postgres]
        self.row_counts = by_arm({arm: facts.row_counts for arm, facts in self._facts.items()}, len(self._arms))
        if not self.spec.switch:
            for arm in self._arms:
                self._await(arm)
        return []

    def start(self, leg: Leg) -> Startup:
        """Switch to the leg's arm (once in a sequential plan), reset its data, wait until its services are ready."""
        part = self.plan.arms_in_order[leg.arm]
        if self.spec.switch and not (self.plan.sequential and self._answers == leg.arm):
            self._run("switch", self.spec.switch, leg)
        self._answers = leg.arm
        if self.spec.reset:
            self._run("reset", self.spec.reset, leg)
        self._await(leg.arm)
        self._leg = self._arms[leg.arm]
        return Startup(part.url or next(iter(part.urls.values())), None, part.urls)

    def databases(self) -> list[Database]:
        if self._leg is None or not self._leg.postgres:
            return []
        dsn = self._leg.postgres
        name = str(conninfo_to_dict(dsn).get("dbname") or "its default database")
        return [Database(None, name, partial(connect, dsn), partial(connect, dsn))]

    def caches(self) -> list[Cache]:
        if self._leg is None or not self._leg.redis:
            return []
        return [Cache(CACHE, partial(connect_cache, self._leg.redis))]

    def versions(self) -> dict[str, str]:
        return by_arm({arm: {"postgresql": facts.version} for arm, facts in self._facts.items()}, len(self._arms))

    def settings(self) -> dict[str, str]:
        """Settings of PostgreSQL and Redis, and the size of the database; by arm if arms differ."""
        found = {arm: dict(facts.settings) for arm, facts in self._facts.items()}
        for arm, one in self._arms.items():
            if one.redis:
                with suppress(redis.RedisError), connect_cache(one.redis) as client:
                    found[arm] = found.get(arm, {}) | redis_settings(client)
        return by_arm(found, len(self._arms))

    def _arm(self, arm: str, part: Arm) -> ExternalArm:
        address, cache = part.postgres or self.spec.postgres, part.redis or self.spec.redis
        return ExternalArm(
            urls={key: expand_url(url, key) for key, url in _addresses(arm, part).items()},
            env={**expand_values(self.spec.env, "environment.env"), **expand_values(part.env, f"arms.{arm}.env")},
            postgres=expand(address, self._postgres_key(arm)) if address else None,
            redis=expand(cache, f"arms.{arm}.redis" if part.redis else "environment.redis") if cache else None,
        )

    def _postgres_key(self, arm: str) -> str:
        return f"arms.{arm}.postgres" if self.plan.arms_in_order[arm].postgres else "environment.postgres"

    def _run(self, key: str, text: str, leg: Leg) -> None:
        """Run a command of the plan; processes that it leaves in the background end with it."""
        values = {"arm": leg.arm, "revision": self.plan.arms_in_order[leg.arm].revision or ""}
        command = [PLACEHOLDER.sub(lambda match: values[match[1]], word) for word in shlex.split(text)]
        log, seconds = self.logs / f"{leg.title}.{key}.log", self.spec.command_seconds
        name = f"environment.{key} ({'to' if key == 'switch' else 'of'} {leg.arm})"
        self.say(f"switching to {leg.arm}" if key == "switch" else f"resetting {leg.arm}")
        try:
            self.processes.run(name, command, log, cwd=self.cwd, env=self._arms[leg.arm].env, seconds=seconds)
        except EnvironmentFailedError as error:
            error.add_note(f"try the command in {self.cwd}; environment.command_seconds is its time limit")
            raise

    def _await(self, arm: str) -> None:
        shown = _addresses(arm, self.plan.arms_in_order[arm])
        checks = {
            f"{key}: {shown[key].rstrip('/')}{self.spec.ready}": partial(why_not_ok, url + self.spec.ready)
            for key, url in self._arms[arm].urls.items()
        }
        try:
            await_ready(checks, self.spec.ready_seconds)
        except NotReadyError as error:
            error.add_note(
                "check that the system runs and is reachable from here, that environment.ready is a path that answers "
                "200, and that environment.ready_seconds is long enough"
            )
            raise


def _addresses(arm: str, part: Arm) -> dict[str, str]:
    """The base URLs of an arm by key, as the plan writes them."""
    if part.url:
        return {f"arms.{arm}.url": part.url}
    return {f"arms.{arm}.urls.{service}": url for service, url in part.urls.items()}
