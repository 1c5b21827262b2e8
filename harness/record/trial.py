"""Trial: all that one leg recorded, what came before it, and the seal that closes its record."""

from dataclasses import dataclass, field, replace

import pyarrow as pa

from harness.record.executions import Executions
from harness.record.generation import Generation
from harness.record.leg import Leg
from harness.record.samples import SCHEMA


@dataclass(frozen=True, slots=True)
class Migration:
    """What bringing an arm's database, that of a service where they have names, to its revision took and made.

    ``index_seconds`` are what the statements took that built indexes by themselves, as far as the server counted them.
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
    """How an arm came up for a leg.

    Attributes:
        host: base URL of its first service, or of its only one, as the plan writes it: ``${NAME}`` is not filled in.
        ready_seconds: from starting the processes to the last service's readiness; ``None`` where they ran already.
        urls: base URL of each service that has a name.
    """

    host: str
    ready_seconds: float | None
    urls: dict[str, str] = field(default_factory=dict)
    schema: int = 1


@dataclass(frozen=True, slots=True)
class Incident:
    """What happened to a container or a server by itself, and how many seconds after its leg's services were ready.

    ``restarted`` says that a server of this machine began anew, so that what it knew is gone.
    """

    leg: str
    service: str
    what: str
    second: float
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """All that one leg recorded; ``ready_seconds`` is ``None`` where an older harness did not record it.

    ``executions`` is ``None`` where no database was asked what it executed.
    """

    leg: Leg
    generation: Generation
    samples: pa.Table
    readings: pa.Table
    ready_seconds: float | None = None
    executions: Executions | None = None

    def without_samples(self) -> "Trial":
        """The rest of it, which is small."""
        return replace(self, samples=SCHEMA.empty_table())


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time on both clocks of the harness: wall-clock and monotonic seconds."""

    wall: float
    monotonic: float


@dataclass(frozen=True, slots=True)
class Seal:
    """What closes the record of a leg, so that what changes afterwards is seen.

    Attributes:
        leg: the leg's title.
        begun: when its load was about to begin.
        ended: when its load was over.
        facts: what has to be as it was when the run began, by the names of ``facts_of_setup``.
        setup: of the setup as it was then, the SHA-256 of what does not change while further blocks are begun.
        files: the SHA-256 of each file of the record, by its path in the run folder; also of those of the whole run.
    """

    leg: str
    begun: Moment
    ended: Moment
    facts: dict[str, str | int | float] = field(default_factory=dict)
    setup: str = ""
    files: dict[str, str] = field(default_factory=dict)
    schema: int = 1
