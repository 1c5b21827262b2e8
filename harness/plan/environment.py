"""Environment: how the system under test starts, is reached and stops."""

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, Field, field_validator, model_validator

from harness.plan.stages import PlanTable, Seconds

DEFAULT_POSTGRES = {
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "shared_preload_libraries": "pg_stat_statements, auto_explain",
    "track_io_timing": "on",
    "track_functions": "all",
}
HOST_VARIABLE = "HARNESS_HOST"
"""The environment variable with the base URL of the first service, for the generator."""
ANSWERS_KEY = "HARNESS_ANSWERS_KEY"
"""The environment variable with the key of request digests, for the generator."""
LEAST_MEMORY = r"^[1-9][0-9]*(\.[0-9]+)?\s*([bkmg]b?)?$"
ServiceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
ComposeName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,79}$")]
Url = Annotated[str, Field(pattern=r"^(https?://[^/\s]+|\$\{\w+\})\S*$")]
Path = Annotated[str, Field(pattern=r"^/")]
Port = Annotated[int, Field(ge=1, le=65_535)]
Core = Annotated[int, Field(ge=0, le=4095)]


def url_variable(service: str) -> str:
    """The environment variable with the base URL of a service, ``HARNESS_URL_AUTH``."""
    return f"HARNESS_URL_{service.upper().replace('-', '_').replace('.', '_')}"


def distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Service names whose environment variables differ; raises ``ValueError`` naming the first two that collide."""
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(url_variable(name), name)
        if names.count(name) > 1:
            raise ValueError(f'"{name}" is named twice')
        if other != name:
            raise ValueError(f'"{other}" and "{name}" would both be {url_variable(name)}; rename one')
    return names


class Metrics(PlanTable):
    """The metrics of the services that are read once a second, in the Prometheus text format.

    ``read`` are metric names, ``breaker_open``; all series of a metric are read.
    """

    path: Path = "/metrics"
    read: tuple[Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")], ...] = Field(min_length=1, max_length=100)


class SystemUnderTest(PlanTable):
    """The keys of every kind of environment. ``starts``: the run starts, resets and stops what it measures."""

    starts: ClassVar[bool] = True
    kind: str
    ready: Path = "/"
    ready_seconds: Seconds = 60.0
    command_seconds: Seconds = 900.0
    metrics: Metrics | None = None
    env: dict[str, str] = Field(default={})

    @property
    def own_database(self) -> bool:
        """Whether the run starts a database, which it can vacuum and change."""
        return False


class Local(SystemUnderTest):
    """Processes of this machine, with servers that the run starts.

    Commands may use the placeholders of plan files, run in ``cwd`` (default: the plan's folder) and get DATABASE_URL
    and REDIS_URL of the arm. ``seed_inputs`` (globs) are the seed's fingerprint: a seeded database is reused until one
    of these files changes; without them every run seeds anew.

    With ``services``, commands run once per name, in place of ``{service}``: each service has its own database and
    Redis database number, and all services of an arm run at once.
    """

    kind: Literal["local"]
    provides: tuple[Literal["postgres", "redis"], ...] = ()
    services: Annotated[tuple[ServiceName, ...], AfterValidator(distinct)] = Field(
        default=(), min_length=1, max_length=20
    )
    serve: str = Field(min_length=1)
    seed: str | None = None
    seed_inputs: tuple[str, ...] = ()
    migrate: str | None = None
    scale: float = Field(default=1.0, gt=0, le=1000)
    cwd: str = "."
    postgres: dict[str, str] = Field(default={})
    cores: tuple[Core, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.seed or self.migrate) and "postgres" not in self.provides:
            raise ValueError('seed and migrate need a database: add "postgres" to provides')
        if "{port}" not in self.serve:
            raise ValueError('serve must contain "{port}", the port that it is to listen on')
        return self

    @property
    def own_database(self) -> bool:
        return "postgres" in self.provides

    @property
    def postgres_settings(self) -> dict[str, str]:
        """The defaults overlaid with the plan's settings."""
        return DEFAULT_POSTGRES | self.postgres

    @property
    def parts(self) -> tuple[str | None, ...]:
        """The names of the services; ``None`` for a single service without a name."""
        return self.services or (None,)


class Apply(PlanTable):
    """Brings data or a revision into a database: a command in a Compose service, or SQL files.

    ``service`` defaults to the first of ``environment.services``; ``sql`` is a glob relative to the plan, whose files
    are applied in alphabetical order to ``database``, where the server has several.
    """

    service: ComposeName | None = None
    command: str | None = Field(default=None, min_length=1)
    sql: str | None = Field(default=None, min_length=1)
    database: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:  # noqa: ANN401 - as it stands in the file
        return {"command": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.command) == bool(self.sql):
            raise ValueError("needs either command, run in a service, or sql, a glob of files")
        if self.sql and self.service:
            raise ValueError("sql is applied by the harness itself; leave service out")
        if self.command and self.database:
            raise ValueError("a command finds its database by itself; leave database out, or write sql")
        return self


class CacheServer(PlanTable):
    """The Redis server of a Compose file; ``password_file`` is a path inside its container."""

    service: ComposeName
    password: str | None = None
    password_file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:  # noqa: ANN401 - as it stands in the file
        return {"service": value} if isinstance(value, str) else value


class PostgresServerTable(CacheServer):
    """The PostgreSQL server of a Compose file; omitted keys come from the variables of the official image."""

    user: str | None = None
    name: str | None = None


class ContainerLimits(PlanTable):
    """CPU limit of a container, which may be fractional, and memory limit as in Docker, ``512M``."""

    cpus: float | None = Field(default=None, gt=0, le=1024)
    memory: str | None = Field(default=None, pattern=f"(?i){LEAST_MEMORY}")


class Compose(SystemUnderTest):
    """Containers of an unchanged Compose file, under a project name of the run.

    ``services`` receive requests, the first is the host; their container ``port`` comes from the file where it has only
    one. ``start`` are the services to start with their dependencies, default: all that ``profiles`` enable. ``env``
    fills the file's variables. ``separate``: the arms have own databases of one server (default, where both arms
    describe the same server), or whole projects.
    """

    kind: Literal["compose"]
    file: tuple[str, ...]
    services: Annotated[tuple[ComposeName, ...], AfterValidator(distinct)] = Field(min_length=1, max_length=20)
    port: Port | None = None
    ports: dict[ComposeName, Port] = Field(default={})
    start: tuple[ComposeName, ...] = ()
    profiles: tuple[str, ...] = ()
    database: PostgresServerTable | None = None
    cache: CacheServer | None = None
    seed: Apply | None = None
    migrate: Apply | None = None
    scale: float = Field(default=1.0, gt=0, le=1000)
    limits: dict[ComposeName, ContainerLimits] = Field(default={})
    cores: tuple[Core, ...] = ()
    separate: Literal["databases", "projects"] | None = None
    build_network: str | None = None
    ready_seconds: Seconds = 120.0

    @field_validator("file", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:  # noqa: ANN401 - as it stands in the file
        if value in ("", []):
            raise ValueError('names no Compose file, as in "docker-compose.yml"')
        return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.port and self.ports:
            raise ValueError("port and ports are two ways to say one thing; keep ports")
        if self.port and len(self.services) > 1:
            raise ValueError(f"port is of one service; write ports = {{ {self.services[0]} = {self.port}, … }}")
        if extra := [name for name in self.ports if name not in self.services]:
            raise ValueError(f'ports has "{extra[0]}", to which no request goes; add it to services')
        if self.separate == "databases" and not self.database:
            raise ValueError('separate = "databases" needs database, the service that is the PostgreSQL server')
        if not self.database and any(apply and apply.sql for apply in (self.seed, self.migrate)):
            raise ValueError("sql needs database, the service that is the PostgreSQL server")
        return self

    @property
    def own_database(self) -> bool:
        return self.database is not None

    def port_of(self, service: str) -> int | None:
        """The container port in the plan; ``None``: it comes from the Compose file."""
        return self.ports.get(service, self.port)


class External(SystemUnderTest):
    """A system that runs already, at the ``url`` (or ``urls``) of each arm.

    ``switch`` is a command that activates an arm, for arms at the same address; ``reset`` one that restores its data
    before each leg. Both may use ``{arm}`` and ``{revision}``, run in ``cwd`` (default: the plan's folder) and get
    ``env`` and the arm's. ``sequential`` measures all legs of before first, where switching is too expensive to
    interleave. ``postgres`` and ``redis`` are the addresses of the database and the cache, for probes; arms may have
    their own.
    """

    starts: ClassVar[bool] = False
    kind: Literal["external"]
    switch: str | None = Field(default=None, min_length=1)
    reset: str | None = Field(default=None, min_length=1)
    sequential: bool = False
    cwd: str = "."
    postgres: str | None = Field(default=None, min_length=1)
    redis: str | None = Field(default=None, min_length=1)


AnyKind = Local | Compose | External
KINDS: dict[str, type[PlanTable]] = {
    kind: table for table in get_args(AnyKind) for kind in get_args(table.model_fields["kind"].annotation)
}
"""The table of each kind of environment."""
