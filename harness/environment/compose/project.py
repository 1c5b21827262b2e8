"""The containers of one arm and their databases, in a Compose project of its own or shared with the other arms."""

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import redis
from docker.models.containers import Container

from harness.environment.compose import model as models
from harness.environment.compose.containers import SERVICE, failure_of, with_log
from harness.environment.compose.model import HOST, POSTGRES_PORT, REDIS_PORT, Credentials, Model
from harness.environment.compose.stack import BUILD_SECONDS, Stack
from harness.environment.postgres import LEG, PostgresServer, message_of
from harness.environment.readiness import POLL_SECONDS, await_ready, why_not_ok
from harness.environment.servers import NO_RETRY, redis_answers
from harness.environment.settings import redis_settings
from harness.errors import CommandError, EnvironmentFailedError, NotReadyError
from harness.plan.environment import Apply, Compose
from harness.probes.access import Connection

if TYPE_CHECKING:
    import docker

_ALL = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datallowconn ORDER BY datname"
_TEMPLATE = "harness_"
LIMITS: dict[str, Any] = {"socket_connect_timeout": 5, "socket_timeout": 5}


@dataclass(frozen=True, slots=True)
class Databases(PostgresServer):
    """The databases of the server at ``host`` and ``port``, by the names that services use."""

    admin_database = "template1"
    host: str
    port: int
    credentials: Credentials

    def answers(self) -> bool:
        """Whether the services' database answers a query."""
        try:
            return self.fetch("SELECT 1", self.credentials.database) == [(1,)]
        except psycopg.Error:
            return False

    def names(self, title: str = LEG) -> list[str]:
        """The databases of the services, or the templates of a title that are copies of them."""
        found = [str(name) for (name,) in self.fetch(_ALL)]
        used = [name for name in found if not name.startswith(_TEMPLATE)]
        used = [name for name in used if name != "postgres" or self.credentials.database == "postgres"]
        return used if title == LEG else [f"{_TEMPLATE}{title}_{number}" for number in range(len(used))]

    def apply(self, scripts: Sequence[tuple[str, bytes]], database: str | None) -> None:
        """Run SQL scripts, pairs of name and text, in order; raises ``EnvironmentFailedError`` with the name."""
        for name, text in scripts:
            try:
                with self.connect(database or self.credentials.database) as connection:
                    connection.execute(text)
            except psycopg.Error as error:
                raise EnvironmentFailedError(f"{name}: {message_of(error)}") from error

    def connect(self, database: str = "") -> Connection:
        login: dict[str, Any] = {"user": self.credentials.user, "password": self.credentials.password or None}
        login |= {"host": self.host, "port": self.port, "dbname": database or self.admin_database}
        return psycopg.connect(**login, autocommit=True, connect_timeout=5)


@dataclass(frozen=True, slots=True, repr=False)  # the model may hold secrets
class Project:
    """Starts, checks and removes the containers of an arm; ``start``: services that only this arm starts."""

    arm: str
    model: Model
    spec: Compose
    shared: Stack
    start: Sequence[str]
    ports: Mapping[str, int]
    client: "docker.DockerClient"

    @property
    def stack(self) -> Stack:
        """The Compose project, with this arm's model as its file."""
        self.shared.use(self.arm, self.model)
        return self.shared

    @property
    def services(self) -> dict[str, Any]:
        found: dict[str, Any] = self.model["services"]
        return found

    @property
    def database(self) -> str | None:
        """The service that is the database server; ``None`` if the plan names none."""
        return self.spec.database.service if self.spec.database else None

    @property
    def cache(self) -> str | None:
        """The service that is the cache; ``None`` if the plan names none."""
        return self.spec.cache.service if self.spec.cache else None

    def wanted(self, *, tools: bool = True) -> list[str]:
        """The services of the arm and their dependencies; ``tools`` adds those that run its commands."""
        chosen = {*self.spec.start, *self.start}
        named = {*self.spec.services, *chosen} if chosen else {*self.services}
        named |= {name for name in (self.database, self.cache) if name}
        commands = (self.spec.seed, self.spec.migrate) if tools else ()
        named |= {apply.service for apply in commands if apply and apply.service}
        return sorted(models.with_dependencies(self.services, named))

    def pull_and_build(self, built: set[str]) -> dict[str, str]:
        """Pull and build missing images except those in ``built``, and add them to it; returns digests by service."""
        stack, services = self.stack, self.wanted()
        pull = ("pull", "--policy", "missing", "--ignore-buildable", *services)
        stack.run(*pull, log=f"images-{self.arm}", seconds=BUILD_SECONDS, what="docker compose pull")
        described = {name: self.services[name] for name in services}
        ours = {one["image"]: name for name, one in described.items() if one.get("build")}
        if missing := [name for image, name in ours.items() if image not in built]:
            stack.run("build", *missing, log=f"images-{self.arm}", seconds=BUILD_SECONDS, what="docker compose build")
        built |= {*ours}
        return {name: self._digest(one["image"]) for name, one in described.items()}

    def start_database(self) -> None:
        """Start the database server and wait until it answers a query."""
        assert self.database  # noqa: S101 - the caller checks
        self._up([self.database], f"{self.database}-{self.arm}", "the database")
        databases = self.databases()
        deadline = time.monotonic() + self.spec.ready_seconds
        while not databases.answers():
            self.check()
            if time.monotonic() > deadline:
                raise NotReadyError(f"{self.database} did not answer a query within {self.spec.ready_seconds:g} s")
            time.sleep(POLL_SECONDS)
        self.shared.database_started = self.shared.database_started or self._database_started()
        databases.create_statistics_extension()

    def accept_database_restart(self) -> None:
        """Record the start time; earlier restarts are incidents of the last leg."""
        self.shared.database_started = self._database_started()

    def check_database(self) -> None:
        """Raise if the database ended since it was ready, even if it was restarted."""
        self.check()
        if self.database and self._database_started() != self.shared.database_started:
            what = f"{self.database} restarted between two legs, with empty caches"
            raise EnvironmentFailedError(f"{what}: read its log, and run the plan again")

    def databases(self) -> Databases:
        assert self.database  # noqa: S101 - the caller checks
        if self.shared.credentials is None:
            read = partial(_read_file, self.containers()[self.database])
            self.shared.credentials = models.credentials(self.model, self.spec, read)
        return Databases(HOST, self.stack.port(self.database, POSTGRES_PORT), self.shared.credentials)

    def cache_client(self) -> redis.Redis:
        assert self.cache  # noqa: S101 - the caller checks
        port = self.stack.port(self.cache, REDIS_PORT)
        password = models.cache_password(self.spec, partial(_read_file, self.containers()[self.cache]))
        return redis.Redis(host=HOST, port=port, password=password, retry=NO_RETRY, **LIMITS)

    def cache_settings(self) -> dict[str, str]:
        """Read the settings of the cache; starts it and removes it again."""
        assert self.cache  # noqa: S101 - the caller checks
        self._up([self.cache], f"{self.cache}-{self.arm}", "the cache")
        port = self.stack.port(self.cache, REDIS_PORT)
        await_ready({self.cache: partial(_ping_failure, port)}, self.spec.ready_seconds, check=self.check)
        with self.cache_client() as client:
            found = redis_settings(client)
        self.clear()
        return found

    def apply(self, apply: Apply, log: str, base: Path, *, revision: str = "") -> float:
        """Run a command of the plan in a container, or its SQL files below ``base``; returns seconds."""
        values = {"{revision}": revision, "{scale}": f"{self.spec.scale:g}"}
        text = apply.command or apply.sql or ""
        for name, value in values.items():
            text = text.replace(name, value)
        if apply.sql:
            return self._apply_files(text, apply.database, base)
        service = apply.service or self.spec.services[0]
        command = ("run", "--rm", "-T", service, *shlex.split(text))
        what = f"{log.partition('-')[0]} in {service}"
        return self.stack.run(*command, log=log, seconds=self.spec.command_seconds, what=what)

    def up(self, title: str) -> None:
        """Start all long-running services, and wait for their health checks."""
        lasting = [name for name in self.wanted(tools=False) if name not in models.one_off_services(self.services)]
        self._up(lasting, f"{title}.up", f"the services of {self.arm}")

    def await_ready(self, started: float) -> dict[str, str]:
        """Wait until services and cache answer; returns URLs by service. ``started``: on the monotonic clock."""
        stack = self.stack
        urls = {name: f"http://{HOST}:{stack.port(name, self.ports[name])}" for name in self.spec.services}
        checks: dict[str, Callable[[], str]] = {}
        checks |= {name: partial(why_not_ok, url + self.spec.ready) for name, url in urls.items()}
        if self.cache:
            checks[self.cache] = partial(_ping_failure, stack.port(self.cache, REDIS_PORT))
        await_ready(checks, self.spec.ready_seconds, since=started, check=self.check)
        return urls

    def check(self) -> None:
        for name, container in self.containers().items():
            if found := failure_of(name, container):
                raise found

    def check_restarts(self) -> None:
        """Raise if a container is unhealthy, or the restart policy restarted the database."""
        self.check()
        found = self.containers().get(self.database) if self.database else None
        if found and found.attrs["RestartCount"]:
            raise with_log(f"{self.database} ended and its restart policy restarted it", found)

    def containers(self) -> dict[str, Container]:
        """The containers by service, without those of one-off commands."""
        chosen = {"label": [f"com.docker.compose.project={self.shared.name}", "com.docker.compose.oneoff=False"]}
        found = self.client.containers.list(all=True, filters=chosen, ignore_removed=True)
        return {str(one.labels[SERVICE]): one for one in found}

    def clear(self) -> None:
        """Remove all containers except the database's, and the volumes that the database does not use."""
        project = f"com.docker.compose.project={self.shared.name}"
        kept = set()
        for container in self.client.containers.list(all=True, filters={"label": project}, ignore_removed=True):
            if self.database and container.labels.get(SERVICE) == self.database:
                kept |= {mount.get("Name") for mount in container.attrs["Mounts"]}
            else:
                container.remove(force=True, v=True)
        for volume in self.client.volumes.list(filters={"label": project}):
            if volume.name not in kept:
                volume.remove()

    def _digest(self, name: str) -> str:
        image = self.client.images.get(name)
        digests = image.attrs.get("RepoDigests") or [f"{name} {image.id}"]
        return str(digests[0])

    def _database_started(self) -> str:
        found = self.containers().get(self.database) if self.database else None
        return str(found.attrs["State"]["StartedAt"]) if found else ""

    def _apply_files(self, pattern: str, database: str | None, base: Path) -> float:
        paths = sorted(path for path in base.glob(pattern) if path.is_file())
        if not paths:
            raise EnvironmentFailedError(f'environment: sql "{pattern}" matches no file in {base}')
        started = time.monotonic()
        self.databases().apply([(str(path), path.read_bytes()) for path in paths], database)
        return time.monotonic() - started

    def _up(self, services: list[str], log: str, what: str) -> None:
        wait = ("up", "--detach", "--wait", "--wait-timeout", str(int(self.spec.ready_seconds)), "--no-build")
        try:
            self.stack.run(*wait, *services, log=log, seconds=self.spec.ready_seconds + 60, what=f"starting {what}")
        except CommandError:
            self.check()  # names the container, if one is the cause
            raise


def _ping_failure(port: int) -> str:
    return "" if redis_answers(HOST, port) else "no answer to PING"


def _read_file(container: Container, path: str) -> str:
    status, output = container.exec_run(["cat", path])
    if status:
        raise EnvironmentFailedError(f"{path} of {container.name} is not readable: {output.decode(errors='replace')}")
    text: str = output.decode()
    return text
