"""Trigger watch: what the trigger functions of one database took, and why that is not counted, where it is not.

PostgreSQL counts calls and time of functions where ``track_functions`` says so (its documentation: "Run-time
Statistics", and ``pg_stat_user_functions`` in "The Cumulative Statistics System"): ``pl`` those in PL/pgSQL and other
procedural languages, ``all`` those in C and SQL too, but never its own, such as ``tsvector_update_trigger``. A trigger
function is never in SQL, so that none is missed for being inlined. Foreign keys are triggers of PostgreSQL's own, which
nobody counts; event triggers and functions that no trigger calls are left out.

The time is wall-clock, waiting for locks included. ``total_time`` of a trigger function has in it what it calls:
summed, a trigger that another one fires counts twice. ``self_time`` has not: summed over trigger functions, what they
have helpers do is missed, which is the greater fault. So it is the lesser of two sums, neither of which is ever too
small: ``total_time`` of trigger functions, exact where no trigger fires another, and ``self_time`` of all functions,
exact where none is called but by triggers.
"""

from collections.abc import Iterable, Iterator

import psycopg

from harness.probes import statistics_views as views
from harness.probes.access import Connection
from harness.record.readings import TRIGGER_CALLS, TRIGGER_MS, TRIGGERS, UNCOUNTED_TRIGGERS

Missing = tuple[str, str, str]
"""What is not counted, why, and what to do about it."""
LEVELS = ("none", "pl", "all")
WHAT = "the time in trigger functions"
RESTART = "for one database or role alone, ALTER DATABASE or ALTER ROLE … SET it, and start the service anew"


class TriggerWatch:
    """Reads one database; its triggers are those that it has when the watch begins."""

    def __init__(self, connection: Connection) -> None:
        self._triggers = self._in_c = self._own = 0
        self._level, self._sure = LEVELS[0], True
        self._calls: list[float] = []
        self._refused = ""
        try:
            ((self._triggers, self._in_c, self._own),) = connection.execute(views.TRIGGERS.encode()).fetchall()
            ((said, of_roles),) = connection.execute(views.TRACKED.encode()).fetchall()
        except psycopg.errors.InsufficientPrivilege as error:
            self._refused = str(error).splitlines()[0]
        else:
            self._level, self._sure = _counted(said, of_roles)

    def read(self, connection: Connection) -> Iterator[tuple[str, float]]:
        """Triggers, how many of them are not counted, and calls and ms since the statistics of the database began."""
        if self._triggers and not self._refused and self._level == LEVELS[0]:
            yield from ((TRIGGERS, self._triggers), (UNCOUNTED_TRIGGERS, self._triggers))
        elif not self._refused:
            try:
                ((calls, ms),) = connection.execute(views.TRIGGER_TIME.encode()).fetchall()
            except psycopg.errors.InsufficientPrivilege as error:
                self._refused = str(error).splitlines()[0]
                return
            self._calls = [*self._calls[:1], calls]
            yield from (
                (TRIGGERS, self._triggers),
                (UNCOUNTED_TRIGGERS, self._uncounted),
                (TRIGGER_CALLS, calls),
                (TRIGGER_MS, ms),
            )

    def missing(self) -> Iterator[Missing]:
        """What is not counted of the triggers that there are."""
        if self._refused:
            yield WHAT, self._refused, "GRANT SELECT ON that view to the role that reads it"
        elif not self._uncounted:
            return
        elif self._uncounted == self._triggers > self._own:
            level = LEVELS[2] if self._in_c else LEVELS[1]
            yield WHAT, f"{self._why}, and there are triggers", _setting(level)
        else:
            if self._level != LEVELS[2] and self._in_c:
                yield f"{WHAT} in C", f"{self._why}, and some triggers call one", _setting(LEVELS[2])
            if self._own:
                why = "it never counts these, and some triggers call one"
                yield f"{WHAT} of PostgreSQL's own", why, "judge by the time of the statements, or of the requests"

    @property
    def _uncounted(self) -> int:
        """How many of the triggers call a function that nobody counts."""
        fired = len(set(self._calls)) > 1
        if self._level == LEVELS[0] or not (self._sure or fired):
            return self._triggers
        return self._own + (self._in_c if self._level == LEVELS[1] else 0)

    @property
    def _why(self) -> str:
        if self._sure:
            return f"track_functions is {self._level}"
        return "track_functions is set for single roles, of whose statements none fired a trigger"


def _counted(said: str, of_roles: Iterable[str]) -> tuple[str, bool]:
    """The least that is counted, and whether for everybody: not where it is set for single roles alone."""
    sure = said != LEVELS[0]
    levels = [*([said] if sure else []), *(level.lower() for level in of_roles)]
    least = min(levels, key=LEVELS.index, default=LEVELS[0])
    return least, sure or least == LEVELS[0]


def _setting(level: str) -> str:
    return f"as administrator, ALTER SYSTEM SET track_functions = '{level}' and SELECT pg_reload_conf(); or {RESTART}"
