"""Migration: the table ``[migration]``, for a migration and rollback under load."""

from typing import Self

from pydantic import Field, model_validator

from harness.plan.stages import PlanTable, Seconds

AT_SECONDS = 6.0
HOLD_SECONDS = 2.0
PAUSE_SECONDS = 4.0


class MigrationTable(PlanTable):
    """The table ``[migration]`` of a plan.

    With ``during`` the migration also runs under the load of a ``stage`` (default: the first sustain stage), ``at``
    seconds into it. A long transaction is open when it begins, and for ``hold_seconds`` after its first statement: it
    has read ``hold_tables`` (default: the largest ones) and keeps its snapshot, as a report or backup does. ``down`` is
    the revision of the rollback (default: that of before), by ``downgrade`` (default: ``environment.migrate``), after
    ``pause_seconds``.
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
