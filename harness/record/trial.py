"""Trial: the record of one leg, the migration and start before it, and its seal."""

from dataclasses import dataclass, field, replace

import pyarrow as pa

from harness.record.executions import Executions
from harness.record.generation import Generation
from harness.record.leg import Leg
from harness.record.samples import SCHEMA


@dataclass(frozen=True, slots=True)
class Migration:
    """The migration of an arm's database, of one service where they have names.

    ``index_seconds`` are the durations of ``CREATE INDEX`` statements, where the server counted them.
    """

    arm: str
    revision: str | None
    seconds: float
    indexes_created: tuple[str, ...] = ()
    size_before_bytes: int | None = None
    size_after_bytes: int | None = None
    service: str | None = None
    index_seconds: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Startup:
    """The start of an arm for a leg."""

    host: str  # base URL of its first service as in the plan, without filling in ``${NAME}``
    ready_seconds: float | None  # from starting to the readiness of all services; ``None`` where they ran already
    urls: dict[str, str] = field(default_factory=dict)  # base URL of each named service
    schema: int = 1


@dataclass(frozen=True, slots=True)
class Incident:
    """An unplanned event of a container or server, in seconds after its leg's services were ready.

    ``restarted``: a server of this machine restarted and lost its state.
    """

    leg: str
    service: str
    what: str
    second: float
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """The record of one leg; ``ready_seconds`` is ``None`` where an older harness did not record it.

    ``executions`` is ``None`` where no database was read.
    """

    leg: Leg
    generation: Generation
    samples: pa.Table
    readings: pa.Table
    ready_seconds: float | None = None
    executions: Executions | None = None

    def without_samples(self) -> "Trial":
        return replace(self, samples=SCHEMA.empty_table())


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time on both clocks: wall-clock and monotonic seconds."""

    wall: float
    monotonic: float


@dataclass(frozen=True, slots=True)
class Seal:
    """The seal of a leg's record, which reveals later changes."""

    leg: str  # the leg's title
    begun: Moment  # just before its load
    ended: Moment  # just after its load
    facts: dict[str, str | int | float] = field(default_factory=dict)  # those of ``facts_of_setup`` at that time
    setup: str = ""  # ``setup_digest`` at that time
    files: dict[str, str] = field(default_factory=dict)  # SHA-256 of the files of leg and run, by path in the folder
    schema: int = 1
