"""System: how the system under test starts, is reached and ends, as the plan says it."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

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
"""The environment variable in which the generator finds the base URL of the first service."""
ANSWERS_KEY = "HARNESS_ANSWERS_KEY"
"""The environment variable in which the generator finds the key of digests of what was asked."""
LEAST_MEMORY = r"^[1-9][0-9]*(\.[0-9]+)?\s*([bkmg]b?)?$"
ServiceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
ComposeName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,79}$")]
Url = Annotated[str, Field(pattern=r"^(https?://[^/\s]+|\$\{\w+\})\S*$")]
Path = Annotated[str, Field(pattern=r"^/")]
Port = Annotated[int, Field(ge=1, le=65_535)]
Core = Annotated[int, Field(ge=0, le=4095)]


def url_variable(service: str) -> str:
    """The environment variable in which user files find the base URL of a service, ``HARNESS_URL_AUTH``."""
    return f"HARNESS_URL_{service.upper().replace('-', '_').replace('.', '_')}"


def distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of services that stay apart as environment variables.

    Raises:
        ValueError: naming the first two that do not.
    """
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(url_variable(name), name)
        if names.count(name) > 1:
            raise ValueError(f'"{name}" is named twice')
        if other != name:
            raise ValueError(f'"{other}" and "{name}" would both be {url_variable(name)}; rename one')
    return names


class Metrics(PlanTable):
    """Which numbers of the services' own are read once a second beside the load, in the text form of Prometheus.

    ``read`` are names of metrics, ``breaker_open``; of one with labels all series are read.
    """

    path: Path = "/metrics"
    read: tuple[Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")], ...] = Field(min_length=1, max_length=100)


class Local(PlanTable):
    """Processes of this machine, on servers that the run starts for itself.

    Commands may use the placeholders of plan_file and run in ``cwd`` (default: the plan's folder) with DATABASE_URL and
    REDIS_URL of the arm in their environment. What ``seed_inputs`` names (globs) is the seed's fingerprint: a seeded
    database is kept between runs until one of those files changes. Without it every run seeds anew.

    With ``services`` the commands are run once for each of these names, in place of ``{service}``: each service has a
    database and a Redis database number of its own, and all services of an arm are up at once.
    """

    kind: Literal["local"]
    provides: tuple[Literal["postgres", "redis"], ...] = ()
    services: tuple[ServiceName, ...] = Field(default=(), min_length=1, max_length=20)
    serve: str = Field(min_length=1)
    ready: Path = "/"
    seed: str | None = None
    seed_inputs: tuple[str, ...] = ()
    migrate: str | None = None
    scale: float = Field(default=1.0, gt=0, le=1000)
    cwd: str = "."
    env: dict[str, str] = Field(default={})
    postgres: dict[str, str] = Field(default={})
    metrics: Metrics | None = None
    cores: tuple[Core, ...] = ()
    ready_seconds: Seconds = 60.0
    command_seconds: Seconds = 900.0

    @field_validator("services")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return distinct(value)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.seed or self.migrate) and "postgres" not in self.provides:
            raise ValueError('seed and migrate need a database: add "postgres" to provides')
        if "{port}" not in self.serve:
            raise ValueError('serve must contain "{port}", the port that it is to listen on')
        return self

    @property
    def postgres_settings(self) -> dict[str, str]:
        """The server settings in force: the defaults overlaid with the plan's."""
        return DEFAULT_POSTGRES | self.postgres

    @property
    def parts(self) -> tuple[str | None, ...]:
        """The names of the services; one service without a name where the plan names none."""
        return self.services or (None,)


class Apply(PlanTable):
    """What brings data or a revision into a database: a command run in a Compose service, or SQL files.

    ``service`` is the first of ``environment.services`` where it is left out; ``sql`` is a glob relative to the plan,
    its files are applied in the order of their names to ``database``, where the server has several.
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


class PostgresServerTable(PlanTable):
    """The PostgreSQL server of a Compose file; what is left out is read from the variables of the official image.

    ``password_file`` is a path inside its container.
    """

    service: ComposeName
    user: str | None = None
    password: str | None = None
    password_file: Path | None = None
    name: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:  # noqa: ANN401 - as it stands in the file
        return {"service": value} if isinstance(value, str) else value


class CacheServer(PlanTable):
    """The Redis server of a Compose file; ``password_file`` is a path inside its container."""

    service: ComposeName
    password: str | None = None
    password_file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:  # noqa: ANN401 - as it stands in the file
        return {"service": value} if isinstance(value, str) else value


class ContainerLimits(PlanTable):
    """What a container may use: CPUs, of which it may have a part, and memory as Docker writes it, ``512M``."""

    cpus: float | None = Field(default=None, gt=0, le=1024)
    memory: str | None = Field(default=None, pattern=f"(?i){LEAST_MEMORY}")


class Compose(PlanTable):
    """Containers of a Compose file, which is used as it is, under a project name of the run's own.

    ``services`` are those that requests go to, the first is the host; their ``port`` inside the container is found in
    the file where it has but one. ``start`` are the services to start with all that they depend on, default: all that
    ``profiles`` enable. ``env`` fills the file's variables. ``separate`` says what the arms have for themselves:
    databases of one server (default, where both arms describe the same server), or whole projects.
    """

    kind: Literal["compose"]
    file: tuple[str, ...]
    services: tuple[ComposeName, ...] = Field(min_length=1, max_length=20)
    port: Port | None = None
    ports: dict[ComposeName, Port] = Field(default={})
    start: tuple[ComposeName, ...] = ()
    profiles: tuple[str, ...] = ()
    database: PostgresServerTable | None = None
    cache: CacheServer | None = None
    seed: Apply | None = None
    migrate: Apply | None = None
    scale: float = Field(default=1.0, gt=0, le=1000)
    ready: Path = "/"
    metrics: Metrics | None = None
    env: dict[str, str] = Field(default={})
    limits: dict[ComposeName, ContainerLimits] = Field(default={})
    cores: tuple[Core, ...] = ()
    separate: Literal["databases", "projects"] | None = None
    build_network: str | None = None
    ready_seconds: Seconds = 120.0
    command_seconds: Seconds = 900.0

    @field_validator("file", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:  # noqa: ANN401 - as it stands in the file
        if value in ("", []):
            raise ValueError('names no Compose file, as in "docker-compose.yml"')
        return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value

    @field_validator("services")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return distinct(value)

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

    def port_of(self, service: str) -> int | None:
        """The port inside the container that the plan says; ``None``: it is to be found in the Compose file."""
        return self.ports.get(service, self.port)


class External(PlanTable):
    """A system that runs already, at the ``url`` (or ``urls``) of each arm.

    ``switch`` is a command that makes an arm the one that answers, for arms at the same address; ``reset`` one that
    brings its data back, before each leg. Both may use ``{arm}`` and ``{revision}``, run in ``cwd`` (default: the
    plan's folder) and have ``env`` and the arm's in their environment. ``sequential`` measures all legs of before
    first, where switching is too dear to take turns; then it is done once for each arm. ``postgres`` is the address of
    the database, which the setup describes and which is asked beside the load what it executes, ``redis`` that of the
    cache, which is asked what it finds; arms may have ones of their own.
    """

    kind: Literal["external"]
    ready: Path = "/"
    metrics: Metrics | None = None
    switch: str | None = Field(default=None, min_length=1)
    reset: str | None = Field(default=None, min_length=1)
    sequential: bool = False
    cwd: str = "."
    env: dict[str, str] = Field(default={})
    postgres: str | None = Field(default=None, min_length=1)
    redis: str | None = Field(default=None, min_length=1)
    ready_seconds: Seconds = 60.0
    command_seconds: Seconds = 900.0
