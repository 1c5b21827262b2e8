"""Compose: the system under test as containers of anybody's Compose file, in projects of the run's own.

Where both arms describe the same database server they share it, and are databases kept as templates on it; else each
arm is a project for itself. Before a leg all other containers are made anew, so that no cache and no process is older
than the leg.
"""

import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import redis
from docker.models.containers import Container
from psycopg import sql

from harness.environment import compose_model as models
from harness.environment import seeds
from harness.environment.compose_model import HOST, POSTGRES_PORT, REDIS_PORT
from harness.environment.container_strike import Mend, strike_container
from harness.environment.containers import SERVICE, Watch, meaning, trouble, with_log
from harness.environment.databases import Databases
from harness.environment.delay import require
from harness.environment.engine import compose_version, engine, labels, sweep_to_zero
from harness.environment.processes import CONTAINERS, Process, Processes
from harness.environment.readiness import POLL_SECONDS, await_ready, why_not_ok
from harness.environment.servers import ONCE, free_ports, redis_answers
from harness.environment.stack import BUILD_SECONDS, Stack, resolve
from harness.environment.variables import concealed, expanded
from harness.errors import CommandError, EnvironmentFailedError, NotReadyError
from harness.migration import Content, content, migrated
from harness.parts.fault import Fault, FaultKind
from harness.parts.system import Apply, Compose
from harness.plan import PLACEBO, Arm, Plan
from harness.probes.access import Cache, Database
from harness.probes.container import ContainerProbe
from harness.readings import CACHE, DATABASE
from harness.trial import Incident, Leg, Migration, Startup

if TYPE_CHECKING:
    import docker

KEPT_LINES = 10_000
LIMITS: dict[str, Any] = {"socket_connect_timeout": 5, "socket_timeout": 5}
SETTINGS = (
    "shared_buffers",
    "effective_cache_size",
    "fsync",
    "jit",
    "max_connections",
    "synchronous_commit",
    "work_mem",
)


class ComposeEnvironment:
    """Starts, resets, checks and ends the containers of a leg. Use it as a context manager."""

    def __init__(self, plan: Plan, base: Path, logs: Path, say: Callable[[str], None]) -> None:
        self.plan, self.spec, self.base, self.logs, self.say = plan, plan.system(Compose), base, logs, say
        self.seed_fingerprint: str | None = None
        self.row_counts: dict[str, int] = {}
        self._models: dict[str, models.Model] = {}
        self._stacks: dict[str, Stack] = {}
        self._images: dict[str, dict[str, str]] = {}
        self._watch: Watch | None = None
        self._running: Leg | None = None
        self._credentials: dict[str, models.Credentials] = {}
        self._began: dict[str, str] = {}
        self._built: set[str] = set()

    def __enter__(self) -> Self:
        """Find the engine, read the Compose file for every arm, and start the watchdog; nothing else runs yet."""
        self.compose = compose_version()
        with ExitStack() as undo:
            self.client: docker.DockerClient = undo.enter_context(engine())
            scratch = seeds.cache_folder() / "scratch"
            try:
                scratch.mkdir(parents=True, exist_ok=True)
                self.scratch = Path(tempfile.mkdtemp(dir=scratch))
                undo.callback(shutil.rmtree, self.scratch, ignore_errors=True)
                (self.scratch / CONTAINERS).touch()
                self.processes = Processes(self.scratch)
                self.processes.guard()
            except OSError as error:
                why = f"{error.strerror}: free some space, or set HARNESS_CACHE to a folder on another disk"
                raise EnvironmentFailedError(f"{scratch}: {why}") from error
            undo.callback(self.processes.close)
            self._read_models()
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove everything of the run, and look whether it is gone.

        Raises:
            EnvironmentFailedError: in place of an error of a server: what happened to its container, where that ended.
        """
        meant = meaning(error, self._look_at_all)
        if self._watch:
            self._watch.close()
        self.processes.end()
        if sweep_to_zero(self.label):
            (self.scratch / CONTAINERS).unlink(missing_ok=True)
            self._undo.close()
        else:
            self.say("Docker does not answer: containers of this run may be left; harness gc removes them")
            self.processes.close()
        if meant is not None:
            raise meant from error

    @property
    def label(self) -> str:
        """What every process and container of the run carries."""
        return self.processes.label

    @property
    def cache(self) -> str | None:
        """The service that is the cache, where the plan names one."""
        return self.spec.cache.service if self.spec.cache else None

    @property
    def shared(self) -> bool:
        """Whether the arms are databases of one server, and not projects for themselves."""
        if not self.spec.database:
            return False
        servers = [model["services"][self.spec.database.service] for model in self._models.values()]
        same = all(server == servers[0] for server in servers)
        if self.spec.separate == "databases" and not same:
            raise EnvironmentFailedError(
                f"environment.separate: the arms describe {self.spec.database.service} differently, so that they "
                'cannot share it; write separate = "projects"'
            )
        return same and self.spec.separate != "projects"

    def prepare(self) -> list[Migration]:
        """Have the images, start the servers, seed, and bring each arm to its revision; returns what that took."""
        arms = self.plan.arms_in_order
        for arm in arms:
            self._have_images(arm)
        if any(fault.kind is FaultKind.LATENCY for fault in self.plan.faults):
            require(self.client, self._marks)
        done: dict[str, Migration] = {}
        found = []
        for number, (arm, side) in enumerate(arms.items()):
            if not self.spec.database:
                continue
            first = number == 0 or not self.shared
            self._start_database(arm)
            if first:
                self._seed(arm)
            title = self._title(arm)
            if first or not self.shared or title not in done:
                done[title] = self._migrate(arm, side)
            found.append(replace(done[title], arm=arm))
        return found

    def start(self, leg: Leg) -> Startup:
        """Reset the arm's data, make its containers anew and wait until all are ready."""
        arm = leg.arm
        self._clear(arm)
        if self.spec.database:
            self._check_database(arm)
            self._databases(arm).put_back(self._title(arm))
        started = time.monotonic()
        self._up(arm, leg.title)
        if not self.spec.database:
            self._bring_up_to_date(arm, leg.title)
        urls = self._await(arm, started)
        seconds = time.monotonic() - started
        self._watch = Watch(self.client, self.label, self._containers(arm))
        self._check_database(arm)  # from here on the watch would hear of it
        self._running = leg
        return Startup(urls[self.spec.services[0]], seconds, urls)

    def check(self) -> None:
        """Raise when a container that should be running is not, or the watchdog.

        Raises:
            EnvironmentFailedError: with the last lines of its log as a note.
        """
        self.processes.check()
        if self._watch:
            self._watch.check()

    def probe(self) -> ContainerProbe:
        """What reads CPU, memory, network and disk of the leg's containers."""
        names = {CACHE: self.cache, DATABASE: self.spec.database and self.spec.database.service}
        roles = {service: role for role, service in names.items() if service}
        found = self._containers(self._running.arm) if self._running else {}
        lasting = {name: one for name, one in found.items() if one.status == "running"}
        return ContainerProbe(self.client, {roles.get(name, name): one.id for name, one in lasting.items()})

    def databases(self) -> list[Database]:
        """The databases that the services of the leg that runs may use, where the plan names their server."""
        if not self._running or not self.spec.database:
            return []
        known = self._databases(self._running.arm)
        counted = partial(known.connect, "postgres")
        names = known.names()
        own = {name: name if len(names) > 1 else None for name in names}
        return [Database(own[name], name, partial(known.connect, name), counted) for name in names]

    def migrating(self, database: Database, command: str, revision: str, name: str) -> Process:  # noqa: ARG002 - the interface
        """Only plans of kind "local" try their migration under load; others are refused before they get here."""
        raise EnvironmentFailedError(f"{name}: no migration of {database.name} under load in this kind of environment")

    def statement_log(self) -> Path:
        """None is known."""
        return self.logs / "postgres.log"

    def caches(self) -> list[Cache]:
        """The cache of the leg that runs, where the plan names its service."""
        if not self._running or not self.spec.cache:
            return []
        arm, name = self._running.arm, self.spec.cache.service
        port = self._stack(arm).port(name, REDIS_PORT)
        password = models.cache_password(self.spec, partial(_read_inside, self._containers(arm)[name]))
        return [Cache(CACHE, partial(redis.Redis, host=HOST, port=port, password=password, retry=ONCE, **LIMITS))]

    def strike(self, fault: Fault) -> Mend:
        """Begin a fault; returns what ends it. What happens to the container meanwhile was planned."""
        assert self._running  # noqa: S101 - faults are of a leg
        assert self._watch  # noqa: S101 - the same
        container = self._containers(self._running.arm).get(fault.service)
        if container is None:
            raise EnvironmentFailedError(f"{fault.service} has no container in {self._running.arm}")
        over = self._watch.expect(fault.service)
        mend = strike_container(self.client, container, fault)

        def end() -> None:
            mend()
            over()

        return end

    def stop(self) -> list[Incident]:
        """Keep the logs of the leg's containers and remove them; returns what happened to them under load."""
        leg, watch = self._running, self._watch
        self._running = self._watch = None
        if leg is None or watch is None:
            return []
        incidents = watch.close(leg.title)
        for name, container in self._containers(leg.arm).items():
            log = concealed(container.logs(tail=KEPT_LINES).decode(errors="replace"))
            (self.logs / f"{leg.title}.{name}.log").write_text(log, encoding="utf-8")
        self._clear(leg.arm)
        self._began[self._stacks[leg.arm].name] = self._database_began(leg.arm)
        return incidents

    def versions(self) -> dict[str, str]:
        """Versions of the engine and the digests of the images."""
        about = self.client.version()
        found = {"docker": str(about["Version"]), "compose": self.compose}
        if self.spec.database:
            answer = self._databases(next(iter(self._stacks))).fetch("SHOW server_version")
            found["postgresql"] = str(answer[0][0])
        services = dict.fromkeys(name for images in self._images.values() for name in images)
        for name in services:
            digests = {arm: images[name] for arm, images in self._images.items() if name in images}
            if len({*digests.values()}) == 1:
                found[f"image {name}"] = next(iter(digests.values()))
            else:
                found |= {f"image {name}, {arm}": digest for arm, digest in digests.items()}
        return found

    def settings(self) -> dict[str, str]:
        """The PostgreSQL settings that decide how fast it is, and what containers may use."""
        found = {}
        if self.spec.database:
            databases = self._databases(next(iter(self._stacks)))
            found = {name: str(databases.fetch(f"SHOW {name}")[0][0]) for name in SETTINGS}
        used = {name: arm for arm in self._models for name in self._wanted(arm, tools=False)}
        for name, arm in used.items():
            service = self._models[arm]["services"][name]
            limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
            said = [f"{limits[key]} {unit}" for key, unit in (("cpus", "CPUs"), ("memory", "bytes")) if key in limits]
            if said:
                found[f"limits of {name}"] = ", ".join(said)
        return found

    def _read_models(self) -> None:
        planned = self.plan.seconds + self.plan.load.stop_seconds + 2 * self.spec.ready_seconds
        legs = self.plan.load.blocks * len(self.plan.arms_in_order)
        self._marks = labels(
            self.label, time.time() + planned * legs + 4 * self.spec.command_seconds + BUILD_SECONDS + 3600
        )
        files = [(self.base / name).resolve() for name in self.spec.file]
        struck = {f"faults[{index}].service": fault.service for index, fault in enumerate(self.plan.faults)}
        names = self.spec.services if struck else ()
        pinned = dict(zip(names, free_ports(len(names)), strict=True))  # else a port changes when its service is back
        for arm, side in self.plan.arms_in_order.items():
            env = expanded(self.spec.env | side.env, "environment.env")
            given = resolve(self.processes, files, [*self.spec.profiles, *side.profiles], env)
            self._models[arm] = models.rewrite(given, self.spec, self._marks, pinned)
            models.require(
                given["services"], {f"faults[{i}].service": f.service for i, f in enumerate(self.plan.faults)}
            )
            self._ports = {name: models.port_of(given["services"], self.spec, name) for name in self.spec.services}
        short = self.label.rpartition("-")[2]
        shared = self.shared
        one = Stack(f"harness-{short}", self.scratch, self.processes, self.logs, files[0].parent)
        for number, arm in enumerate(self._models):
            other = Stack(f"harness-{short}-{number}", self.scratch, self.processes, self.logs, files[0].parent)
            self._stacks[arm] = one if shared else other
        self.logs.mkdir(parents=True, exist_ok=True)

    def _stack(self, arm: str) -> Stack:
        stack = self._stacks[arm]
        stack.use(arm, self._models[arm])
        return stack

    def _have_images(self, arm: str) -> None:
        stack, services = self._stack(arm), self._wanted(arm)
        self.say(f"images of {arm}: building and pulling what is missing")
        pull = ("pull", "--policy", "missing", "--ignore-buildable", *services)
        stack.run(*pull, log=f"images-{arm}", seconds=BUILD_SECONDS, what="docker compose pull")
        described = {name: self._models[arm]["services"][name] for name in services}
        built = {one["image"]: name for name, one in described.items() if one.get("build")}
        if missing := [name for image, name in built.items() if image not in self._built]:
            stack.run("build", *missing, log=f"images-{arm}", seconds=BUILD_SECONDS, what="docker compose build")
        self._built |= {*built}
        self._images[arm] = {name: self._image(one) for name, one in described.items()}

    def _image(self, service: Mapping[str, Any]) -> str:
        image = self.client.images.get(service["image"])
        digests = image.attrs.get("RepoDigests") or [f"{service['image']} {image.id}"]
        return str(digests[0])

    def _wanted(self, arm: str, *, tools: bool = True) -> list[str]:
        """The services of an arm with all that they depend on; ``tools`` with those that run its commands."""
        services = self._models[arm]["services"]
        chosen = {*self.spec.start, *self.plan.arms_in_order[arm].start}
        asked = {*self.spec.services, *chosen} if chosen else {*services}
        asked |= {name for name in (self.spec.database and self.spec.database.service, self.cache) if name}
        commands = (self.spec.seed, self.spec.migrate) if tools else ()
        asked |= {apply.service for apply in commands if apply and apply.service}
        return sorted(models.needed(services, asked))

    def _start_database(self, arm: str) -> None:
        assert self.spec.database  # noqa: S101 - the caller looked
        name = self.spec.database.service
        stack = self._stack(arm)
        self._bring(stack, arm, [name], f"{name}-{arm}", "the database")
        databases = self._databases(arm)
        deadline = time.monotonic() + self.spec.ready_seconds
        while not databases.answers():
            self._look(arm)
            if time.monotonic() > deadline:
                raise NotReadyError(f"{name} did not answer a query within {self.spec.ready_seconds:g} s")
            time.sleep(POLL_SECONDS)
        self._began.setdefault(stack.name, self._database_began(arm))
        databases.count_statements()

    def _database_began(self, arm: str) -> str:
        """When the arm's database was started, as the engine says it."""
        found = self._containers(arm).get(self.spec.database.service) if self.spec.database else None
        return str(found.attrs["State"]["StartedAt"]) if found else ""

    def _check_database(self, arm: str) -> None:
        """Raise when the database has ended since the leg before, or since it was ready, even where it came back."""
        self._look(arm)
        if self.spec.database and self._database_began(arm) != self._began[self._stacks[arm].name]:
            raise EnvironmentFailedError(
                f"{self.spec.database.service} ended while nothing was measured and was started again, with empty "
                "caches: read its log, and run the plan again"
            )

    def _databases(self, arm: str) -> Databases:
        assert self.spec.database  # noqa: S101 - the caller looked
        name, stack = self.spec.database.service, self._stack(arm)
        if stack.name not in self._credentials:
            self._credentials[stack.name] = models.credentials(
                self._models[arm], self.spec, partial(_read_inside, self._containers(arm)[name])
            )
        return Databases(HOST, stack.port(name, POSTGRES_PORT), self._credentials[stack.name])

    def _seed(self, arm: str) -> None:
        before = self.plan.arms["before"].revision
        if self.spec.migrate and before:
            self._apply(self.spec.migrate, arm, f"migrate-seed-{arm}", revision=before)
        if self.spec.seed:
            self.say("seeding" + ("" if self.shared else f" {arm}"))
            self._apply(self.spec.seed, arm, f"seed-{arm}")
        databases = self._databases(arm)
        names = databases.names()
        for name in names:
            databases.execute(sql.SQL("VACUUM (ANALYZE)"), database=name)
            counts = databases.row_counts(name)
            self.row_counts |= {f"{name}.{table}": rows for table, rows in counts.items()} if len(names) > 1 else counts
        self._clear(arm)
        databases.keep("seed")

    def _migrate(self, arm: str, side: Arm) -> Migration:
        databases = self._databases(arm)
        databases.put_back("seed")
        before, seconds = self._content(databases), 0.0
        if self.spec.migrate and side.revision:
            self.say(f"migrating {arm} to {side.revision}")
            seconds = self._apply(self.spec.migrate, arm, f"migrate-{arm}", revision=side.revision)
        made = migrated(arm, side.revision, seconds, before, self._content(databases))
        for name in databases.names() if arm == PLACEBO else ():
            databases.execute(sql.SQL("VACUUM (ANALYZE)"), database=name)
        self._clear(arm)
        databases.keep(self._title(arm))
        return made

    def _content(self, databases: Databases) -> Content:
        names = databases.names()
        found = {name: content(partial(databases.fetch, database=name)) for name in names}
        indexes = {
            f"{name}.{index}" if len(names) > 1 else index for name, one in found.items() for index in one.indexes
        }
        return Content(frozenset(indexes), sum(one.size for one in found.values()))

    def _title(self, arm: str) -> str:
        """What the databases of an arm are kept as; of those that work on the same ones, the same."""
        known = [*dict.fromkeys(map(self.plan.databases_of, self.plan.arms_in_order))]
        return f"revision{known.index(self.plan.databases_of(arm))}"

    def _apply(self, apply: Apply, arm: str, log: str, *, revision: str = "") -> float:
        values = {"{revision}": revision, "{scale}": f"{self.spec.scale:g}"}
        text = apply.command or apply.sql or ""
        for name, value in values.items():
            text = text.replace(name, value)
        if apply.sql:
            return self._apply_files(text, apply.database, arm)
        service = apply.service or self.spec.services[0]
        command = ("run", "--rm", "-T", service, *shlex.split(text))
        what = f"{log.partition('-')[0]} in {service}"
        return self._stack(arm).run(*command, log=log, seconds=self.spec.command_seconds, what=what)

    def _apply_files(self, pattern: str, database: str | None, arm: str) -> float:
        paths = sorted(path for path in self.base.glob(pattern) if path.is_file())
        if not paths:
            raise EnvironmentFailedError(f'environment: sql "{pattern}" matches no file in {self.base}')
        started = time.monotonic()
        self._databases(arm).apply([(str(path), path.read_bytes()) for path in paths], database)
        return time.monotonic() - started

    def _bring_up_to_date(self, arm: str, title: str) -> None:
        """Without a database that the harness knows, every leg seeds and migrates anew."""
        before, revision = self.plan.arms["before"].revision, self.plan.arms_in_order[arm].revision
        if self.spec.migrate and before:
            self._apply(self.spec.migrate, arm, f"migrate-{title}", revision=before)
        if self.spec.seed:
            self._apply(self.spec.seed, arm, f"seed-{title}")
        if self.spec.migrate and revision and revision != before:
            self._apply(self.spec.migrate, arm, f"migrate-{title}", revision=revision)

    def _up(self, arm: str, title: str) -> None:
        services = self._models[arm]["services"]
        lasting = [name for name in self._wanted(arm, tools=False) if name not in models.once(services)]
        self._bring(self._stack(arm), arm, lasting, f"{title}.up", f"the services of {arm}")

    def _bring(self, stack: Stack, arm: str, services: list[str], log: str, what: str) -> None:
        """Start services and wait for their health checks."""
        wait = ("up", "--detach", "--wait", "--wait-timeout", str(int(self.spec.ready_seconds)), "--no-build")
        try:
            stack.run(*wait, *services, log=log, seconds=self.spec.ready_seconds + 60, what=f"starting {what}")
        except CommandError:
            self._look(arm)  # says more, where a container is the reason
            raise

    def _look(self, arm: str) -> None:
        """Raise when a container of the project is not well."""
        for name, container in self._containers(arm).items():
            if found := trouble(name, container):
                raise found

    def _look_at_all(self) -> None:
        """Raise when a container is not well, or is a database that ended and came back by itself."""
        for arm in self._stacks:
            self._look(arm)
            found = self._containers(arm).get(self.spec.database.service) if self.spec.database else None
            if found and found.attrs["RestartCount"]:
                raise with_log(f"{found.labels[SERVICE]} ended and was started again by its restart policy", found)

    def _await(self, arm: str, started: float) -> dict[str, str]:
        stack = self._stack(arm)
        urls = {name: f"http://{HOST}:{stack.port(name, self._ports[name])}" for name in self.spec.services}
        cache = stack.port(self.cache, REDIS_PORT) if self.cache else None
        asked: dict[str, Callable[[], str]] = {
            name: partial(why_not_ok, url + self.spec.ready) for name, url in urls.items()
        }
        if cache:
            asked[str(self.cache)] = lambda: "" if redis_answers(HOST, cache) else "no answer to PING"
        await_ready(asked, self.spec.ready_seconds, since=started, look=lambda: self._look(arm))
        return urls

    def _containers(self, arm: str) -> dict[str, Container]:
        """The containers of an arm's project by service, those of one-off commands left out."""
        chosen = {"label": [f"com.docker.compose.project={self._stacks[arm].name}", "com.docker.compose.oneoff=False"]}
        found = self.client.containers.list(all=True, filters=chosen, ignore_removed=True)
        return {str(one.labels[SERVICE]): one for one in found}

    def _clear(self, arm: str) -> None:
        """Remove all containers of a project but its database, and the volumes that the database does not use."""
        database = self.spec.database and self.spec.database.service
        project = f"com.docker.compose.project={self._stacks[arm].name}"
        kept = set()
        for container in self.client.containers.list(all=True, filters={"label": project}, ignore_removed=True):
            if database and container.labels.get(SERVICE) == database:
                kept |= {mount.get("Name") for mount in container.attrs["Mounts"]}
            else:
                container.remove(force=True, v=True)
        for volume in self.client.volumes.list(filters={"label": project}):
            if volume.name not in kept:
                volume.remove()


def _read_inside(container: Container, path: str) -> str:
    status, output = container.exec_run(["cat", path])
    if status:
        raise EnvironmentFailedError(f"{path} of {container.name} cannot be read: {output.decode(errors='replace')}")
    text: str = output.decode()
    return text
