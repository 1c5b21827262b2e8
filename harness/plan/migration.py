"""During: how a plan wants its migration tried while requests flow, and rolled back again."""

from typing import Self

from pydantic import Field, model_validator

from harness.plan.stages import PlanTable, Seconds

AT_SECONDS = 6.0
HOLD_SECONDS = 2.0
PAUSE_SECONDS = 4.0


class MigrationTable(PlanTable):
    """The table ``[migration]`` of a plan.

    With ``during`` the migration is also tried while the load of a ``stage`` flows (default: the first sustain one),
    ``at`` seconds into it. A long transaction is open when it begins, and ``hold_seconds`` from its first statement
    on: it has read from ``hold_tables`` (default: the largest ones) and keeps its snapshot, as a report or a backup
    does. ``down`` is the revision that it is then rolled back to (default: that of before), by ``downgrade`` (default:
    the command ``environment.migrate``), ``pause_seconds`` after it.
    """

    during: bool = False
    stage: str | None = None
    at: Seconds = AT_SECONDS
    hold_seconds: float = Field(default=HOLD_SECONDS, ge=0, le=3600)
    hold_tables: tuple[str, ...] = Field(default=(), max_length=20)
    down: str | None = Field(default=None, min_length=1)
    downgrade: str | None = Field(default=None, min_length=1)
    pause_seconds: Seconds = PAUSE_SECONDS

    @model_validator(mode="after")
    def _used(self) -> Self:
        written = self.model_fields_set - {"during"}
        if not self.during and written:
            raise ValueError(f'"{min(written)}" is of a migration under load: add during = true, or remove it')
        if self.hold_tables and not self.hold_seconds:
            raise ValueError("hold_tables are read by a transaction that hold_seconds = 0 leaves out; remove one")
        return self
