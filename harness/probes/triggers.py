"""Calls and time of the trigger functions of one database, or why they are not counted.

PostgreSQL counts functions by ``track_functions`` (pg_stat_user_functions): ``pl`` those in procedural languages,
``all`` also those in C, but never internal ones such as ``tsvector_update_trigger`` and foreign keys.

The time is wall-clock time, lock waits included. It is the smaller of two upper bounds: the sum of ``total_time`` over
trigger functions, exact if no trigger fires another, and the sum of ``self_time`` over all functions, exact if only
triggers call functions.
"""

from collections.abc import Iterable, Iterator

import psycopg

from harness.errors import first_line
from harness.probes import statistics_views as views
from harness.probes.access import Connection
from harness.record.readings import TRIGGER_CALLS, TRIGGER_MS, TRIGGERS, UNCOUNTED_TRIGGERS

Missing = tuple[str, str, str]
"""What is not counted, why, and what to do."""
TRACK_LEVELS = ("none", "pl", "all")
WHAT = "the time in trigger functions"
RESTART = "for one database or role, ALTER DATABASE or ALTER ROLE … SET it, and restart the service"


class TriggerTimes:
    """Reads one database; its triggers are read once, at the start."""

    def __init__(self, connection: Connection) -> None:
        self._triggers = self._in_c = self._own = 0
        self._level, self._sure = TRACK_LEVELS[0], True
        self._calls: list[float] = []
        self._refused = ""
        try:
            ((self._triggers, self._in_c, self._own),) = connection.execute(views.TRIGGERS.encode()).fetchall()
            ((level, of_roles),) = connection.execute(views.TRACKED.encode()).fetchall()
        except psycopg.errors.InsufficientPrivilege as error:
            self._refused = first_line(error)
        else:
            self._level, self._sure = _counted(level, of_roles)

    def read(self, connection: Connection) -> Iterator[tuple[str, float]]:
        """Number of triggers, of uncounted ones, and their calls and ms since the statistics were reset."""
        if self._triggers and not self._refused and self._level == TRACK_LEVELS[0]:
            yield from ((TRIGGERS, self._triggers), (UNCOUNTED_TRIGGERS, self._triggers))
        elif not self._refused:
            try:
                ((calls, ms),) = connection.execute(views.TRIGGER_TIME.encode()).fetchall()
            except psycopg.errors.InsufficientPrivilege as error:
                self._refused = first_line(error)
                return
            self._calls = [*self._calls[:1], calls]
            yield from ((TRIGGERS, self._triggers), (UNCOUNTED_TRIGGERS, self._uncounted))
            yield from ((TRIGGER_CALLS, calls), (TRIGGER_MS, ms))

    def missing(self) -> Iterator[Missing]:
        if self._refused:
            yield WHAT, self._refused, "GRANT SELECT ON that view to the role that reads it"
        elif not self._uncounted:
            return
        elif self._uncounted == self._triggers > self._own:
            level = TRACK_LEVELS[2] if self._in_c else TRACK_LEVELS[1]
            yield WHAT, f"{self._why}, and the database has triggers", _setting(level)
        else:
            if self._level != TRACK_LEVELS[2] and self._in_c:
                yield f"{WHAT} in C", f"{self._why}, and some triggers call one", _setting(TRACK_LEVELS[2])
            if self._own:
                why = "PostgreSQL never counts these, and some triggers call one"
                yield f"{WHAT} of PostgreSQL's own", why, "use the time of the statements or requests"

    @property
    def _uncounted(self) -> int:
        """How many triggers call a function that PostgreSQL does not count."""
        fired = len(set(self._calls)) > 1
        if self._level == TRACK_LEVELS[0] or not (self._sure or fired):
            return self._triggers
        return self._own + (self._in_c if self._level == TRACK_LEVELS[1] else 0)

    @property
    def _why(self) -> str:
        if self._sure:
            return f"track_functions is {self._level}"
        return "track_functions is set for single roles, whose statements fired no trigger"


def _counted(default: str, of_roles: Iterable[str]) -> tuple[str, bool]:
    """The lowest level of all roles, and whether it holds for roles without a setting of their own."""
    sure = default != TRACK_LEVELS[0]
    levels = [*([default] if sure else []), *(level.lower() for level in of_roles)]
    least = min(levels, key=TRACK_LEVELS.index, default=TRACK_LEVELS[0])
    return least, sure or least == TRACK_LEVELS[0]


def _setting(level: str) -> str:
    return f"as administrator, ALTER SYSTEM SET track_functions = '{level}' and SELECT pg_reload_conf(); or {RESTART}"
