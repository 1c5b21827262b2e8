"""The system under test as containers of a Compose file, in Compose projects of the run.

Arms with the same database server share it, each with template databases on it; otherwise each arm has a project of its
own. Before a leg all other containers are recreated, so that no process and no cache is older than the leg.
"""

import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from harness.environment import seeds
from harness.environment.base import Environment
from harness.environment.compose import model as models
from harness.environment.compose.containers import ContainerEvents, cause_of
from harness.environment.compose.engine import compose_version, engine
from harness.environment.compose.faults import inject_container_fault, require_netem
from harness.environment.compose.labels import labels, remove_all_owned
from harness.environment.compose.project import Project
from harness.environment.compose.stack import BUILD_SECONDS, Stack, resolve
from harness.environment.faults import EndFault
from harness.environment.postgres import LEG, SEED, TemplateDatabases, migrate_once, row_counts, title_of
from harness.environment.processes import CONTAINERS, ManagedProcesses
from harness.environment.servers import free_ports
from harness.environment.settings import by_arm, postgres_settings
from harness.environment.variables import conceal, expand_values
from harness.errors import EnvironmentFailedError
from harness.plan.environment import Compose
from harness.plan.faults import Fault, FaultKind
from harness.plan.model import Plan
from harness.probes.access import Cache, Database, ServiceContainer
from harness.record.leg import Leg
from harness.record.readings import CACHE, DATABASE
from harness.record.trial import Incident, Migration, Startup

if TYPE_CHECKING:
    import docker

MAX_LOG_LINES = 10_000


class ComposeEnvironment(Environment):
    """Starts, resets, checks and removes the containers of a leg; a context manager."""

    def __init__(self, plan: Plan, base: Path, logs: Path, say: Callable[[str], None]) -> None:
        super().__init__(plan, base, logs, say)
        self.spec = plan.system(Compose)
        self._projects: dict[str, Project] = {}
        self._shared = False
        self._images: dict[str, dict[str, str]] = {}
        self._events: ContainerEvents | None = None
        self._running: Leg | None = None
        self._built: set[str] = set()

    def __enter__(self) -> Self:
        """Connect to Docker, read the Compose file for every arm, and start the watchdog; no container runs yet."""
        self.compose = compose_version()
        with ExitStack() as undo:
            self.client: docker.DockerClient = undo.enter_context(engine())
            self.scratch = seeds.new_scratch_folder()
            undo.callback(shutil.rmtree, self.scratch, ignore_errors=True)
            (self.scratch / CONTAINERS).touch()
            self.processes = ManagedProcesses(self.scratch)
            self.processes.guard()
            undo.callback(self.processes.close)
            self._read_models()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object, /) -> None:
        """Remove everything of the run; if a container's end caused the error, raise that in its place."""
        cause = cause_of(error, self._check_projects)
        if self._events:
            self._events.close()
        self.processes.end()
        if remove_all_owned(self.label):
            (self.scratch / CONTAINERS).unlink(missing_ok=True)
            self._undo.close()
        else:
            self.say("Docker does not answer: containers of this run may be left; remove them with harness gc")
            self.processes.close()
        if cause is not None:
            raise cause from error

    def prepare(self) -> list[Migration]:
        for arm, project in self._projects.items():
            self.say(f"pulling and building missing images of {arm}")
            self._images[arm] = project.pull_and_build(self._built)
        if any(fault.kind is FaultKind.LATENCY for fault in self.plan.faults):
            require_netem(self.client, self._marks)
        if not self.spec.database:
            return []
        for arm in [*self._projects][: 1 if self._shared else None]:
            self._projects[arm].start_database()
            self._seed(arm)
        return migrate_once(self._projects, self.plan.databases_of if self._shared else str, self._migrate)

    def start(self, leg: Leg) -> Startup:
        project = self._projects[leg.arm]
        project.clear()
        if self.spec.database:
            project.check_database()
            self._templates(leg.arm).copy(title_of(self.plan, leg.arm), LEG)
        started = time.monotonic()
        project.up(leg.title)
        if not self.spec.database:
            self._bring_up_to_date(project, leg.title)
        urls = project.await_ready(started)
        seconds = time.monotonic() - started
        self._events = ContainerEvents(self.client, self.label, project.containers())
        project.check_database()  # from here on its events are recorded
        self._running = leg
        return Startup(urls[self.spec.services[0]], seconds, urls)

    def check(self) -> None:
        self.processes.check()
        if self._events:
            self._events.check()

    def monitored(self) -> list[object]:
        if self._running is None:
            return []
        project = self._projects[self._running.arm]
        roles = {service: role for role, service in ((CACHE, project.cache), (DATABASE, project.database)) if service}
        lasting = {name: one for name, one in project.containers().items() if one.status == "running"}
        containers = [ServiceContainer(roles.get(name, name), one.id, self.client) for name, one in lasting.items()]
        return [*containers, *super().monitored()]

    def databases(self) -> list[Database]:
        if not self._running or not self.spec.database:
            return []
        known = self._projects[self._running.arm].databases()
        counted = partial(known.connect, "postgres")
        names = known.names()
        own = {name: name if len(names) > 1 else None for name in names}
        return [Database(own[name], name, partial(known.connect, name), counted) for name in names]

    def caches(self) -> list[Cache]:
        if not self._running or not self.spec.cache:
            return []
        return [Cache(CACHE, self._projects[self._running.arm].cache_client)]

    def inject(self, fault: Fault) -> EndFault:
        """Inject a fault; until it ends, events of its container are planned."""
        assert self._running  # noqa: S101 - faults run in legs
        assert self._events  # noqa: S101 - as above
        container = self._projects[self._running.arm].containers().get(fault.service)
        if container is None:
            raise EnvironmentFailedError(f"{fault.service} has no container in {self._running.arm}")
        over = self._events.expect(fault.service)
        end_fault = inject_container_fault(self.client, container, fault)

        def end() -> None:
            end_fault()
            over()

        return end

    def stop(self) -> list[Incident]:
        """Save the logs of the leg's containers and remove them; returns the unplanned events."""
        leg, events = self._running, self._events
        self._running = self._events = None
        if leg is None or events is None:
            return []
        incidents = events.close(leg.title)
        project = self._projects[leg.arm]
        for name, container in project.containers().items():
            log = conceal(container.logs(tail=MAX_LOG_LINES).decode(errors="replace"))
            (self.logs / f"{leg.title}.{name}.log").write_text(log, encoding="utf-8")
        project.clear()
        project.accept_database_restart()
        return incidents

    def versions(self) -> dict[str, str]:
        """Versions of Docker and PostgreSQL, and the digests of the images."""
        about = self.client.version()
        found = {"docker": str(about["Version"]), "compose": self.compose}
        if self.spec.database:
            found["postgresql"] = next(iter(self._projects.values())).databases().version()
        services = dict.fromkeys(name for images in self._images.values() for name in images)
        for name in services:
            digests = {arm: images[name] for arm, images in self._images.items() if name in images}
            if len({*digests.values()}) == 1:
                found[f"image {name}"] = next(iter(digests.values()))
            else:
                found |= {f"image {name}, {arm}": digest for arm, digest in digests.items()}
        return found

    def settings(self) -> dict[str, str]:
        """Settings of PostgreSQL and Redis, and limits of CPU and memory; by arm if arms differ."""
        by_project = {arm: self._server_settings(project) for arm, project in self._projects.items()}
        found = by_arm(by_project, len(by_project))
        used = {name: one.services[name] for one in self._projects.values() for name in one.wanted(tools=False)}
        for name, service in used.items():
            limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
            shown = [f"{limits[key]} {unit}" for key, unit in (("cpus", "CPUs"), ("memory", "bytes")) if key in limits]
            if shown:
                found[f"limits of {name}"] = ", ".join(shown)
        return found

    def _read_models(self) -> None:
        planned = self.plan.seconds + self.plan.load.stop_seconds + 2 * self.spec.ready_seconds
        legs = self.plan.load.blocks * len(self.plan.arms_in_order)
        seconds = planned * legs + 4 * self.spec.command_seconds + BUILD_SECONDS + 3600
        self._marks = labels(self.label, time.time() + seconds)
        files = [(self.base / name).resolve() for name in self.spec.file]
        faulted = {f"faults[{index}].service": fault.service for index, fault in enumerate(self.plan.faults)}
        names = self.spec.services if faulted else ()
        pinned = dict(zip(names, free_ports(len(names)), strict=True))  # else a restarted service has another port
        made: dict[str, models.Model] = {}
        ports: dict[str, dict[str, int]] = {}
        for arm, side in self.plan.arms_in_order.items():
            env = expand_values(self.spec.env | side.env, "environment.env")
            resolved = resolve(self.processes, files, [*self.spec.profiles, *side.profiles], env)
            made[arm] = models.rewrite(resolved, self.spec, self._marks, pinned)
            models.require_services(resolved["services"], faulted)
            ports[arm] = {name: models.port_of(resolved["services"], self.spec, name) for name in self.spec.services}
        self._shared = models.shares_server(made.values(), self.spec)
        short = self.label.rpartition("-")[2]
        titles = [f"harness-{short}" + ("" if self._shared else f"-{number}") for number in range(len(made))]
        stacks = {title: Stack(title, self.scratch, self.processes, self.logs, files[0].parent) for title in titles}
        for (arm, side), title in zip(self.plan.arms_in_order.items(), titles, strict=True):
            self._projects[arm] = Project(arm, made[arm], self.spec, stacks[title], side.start, ports[arm], self.client)
        self.logs.mkdir(parents=True, exist_ok=True)

    def _seed(self, arm: str) -> None:
        before, project = self.plan.arms["before"].revision, self._projects[arm]
        if self.spec.migrate and before:
            project.apply(self.spec.migrate, f"migrate-seed-{arm}", self.base, revision=before)
        if self.spec.seed:
            self.say("seeding" + ("" if self._shared else f" {arm}"))
            project.apply(self.spec.seed, f"seed-{arm}", self.base)
        databases = project.databases()
        names = databases.names()
        databases.vacuum(names)
        for name in names:
            with databases.connect(name) as connection:
                counts = row_counts(connection)
            self.row_counts |= {f"{name}.{table}": rows for table, rows in counts.items()} if len(names) > 1 else counts
        project.clear()
        self._templates(arm).copy(LEG, SEED)

    def _migrate(self, arm: str) -> list[Migration]:
        project, templates = self._projects[arm], self._templates(arm)
        templates.copy(SEED, LEG)
        revision = self.plan.arms_in_order[arm].revision
        run = None
        if self.spec.migrate and revision:
            self.say(f"migrating {arm} to {revision}")
            run = partial(project.apply, self.spec.migrate, f"migrate-{arm}", self.base, revision=revision)
        made = templates.migrate(arm, revision, project.databases().names(), run)
        project.clear()
        templates.copy(LEG, title_of(self.plan, arm))
        return [made]

    def _templates(self, arm: str) -> TemplateDatabases:
        databases = self._projects[arm].databases()
        return TemplateDatabases(databases, databases.names)

    def _server_settings(self, project: Project) -> dict[str, str]:
        found = {}
        if self.spec.database:
            with project.databases().connect() as connection:
                found = postgres_settings(connection)
        return found | (project.cache_settings() if self.spec.cache else {})

    def _bring_up_to_date(self, project: Project, title: str) -> None:
        """Seed and migrate in every leg, if the plan names no database to copy."""
        before, revision = self.plan.arms["before"].revision, self.plan.arms_in_order[project.arm].revision
        if self.spec.migrate and before:
            project.apply(self.spec.migrate, f"migrate-{title}", self.base, revision=before)
        if self.spec.seed:
            project.apply(self.spec.seed, f"seed-{title}", self.base)
        if self.spec.migrate and revision and revision != before:
            project.apply(self.spec.migrate, f"migrate-{title}", self.base, revision=revision)

    def _check_projects(self) -> None:
        for project in self._projects.values():
            project.check_restarts()
