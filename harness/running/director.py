"""Director: runs the migration and its rollback while requests flow, in a thread beside what makes the requests."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Protocol, Self

import psycopg

from harness.environment.migrating import MIGRATION_ROLE
from harness.environment.processes import Process, describe
from harness.errors import HarnessError
from harness.evidence.passage import DOWNGRADE, UPGRADE, Passage, Queue, Ran, Wait
from harness.evidence.statement import MARK
from harness.evidence.statement_log import cause, let_go
from harness.evidence.statement_log import told as told_by
from harness.parts.during import During
from harness.probes.access import Database
from harness.probes.locks import LockProbe, Seen, with_locks
from harness.running.hold import Hold

LEAD_SECONDS = 0.6
"""So long the probe looks and the planned transaction is open before the migration is started."""
AFTER_SECONDS = 0.3
TAIL_SECONDS = 1.0
POLL_SECONDS = 0.01
SAME_SECONDS = 0.05
"""The server's log and its list of sessions tell when a statement began on two clocks of one machine."""
LOG_SECONDS = 1.0
NAMES = {UPGRADE: "migration under load", DOWNGRADE: "rollback under load"}
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"


class System(Protocol):
    """What is asked of the system under test while it is up."""

    def databases(self) -> Sequence[Database]:
        """The databases of the leg."""

    def migrating(self, database: Database, command: str, revision: str, name: str) -> Process:
        """Start to bring a database to a revision."""

    def statement_log(self) -> Path:
        """Where the statements of the migration are."""


class Way(Protocol):
    """The commands of the migration and their revisions."""

    @property
    def up(self) -> tuple[str, str]:
        """The command of the way up, and the revision."""

    @property
    def down(self) -> tuple[str, str]:
        """The same of the way down."""


class Director:
    """Begins when the load is far enough; when all is over it leaves the file ``finished``, which ends the load."""

    def __init__(  # noqa: PLR0917 - each is of another type
        self, during: During, way: Way, system: System, seconds: float, finished: Path, say: Callable[[str], None]
    ) -> None:
        self.during, self.way, self.system, self.seconds = during, way, system, seconds
        self.finished, self.say = finished, say
        self.passages: list[Passage] = []
        self.failed = ""
        self._go, self._cancel = Event(), Event()
        self._thread = Thread(target=self._run, name="director", daemon=True)

    def __enter__(self) -> Self:
        """Wait for the load."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what still runs."""
        self._cancel.set()
        self._go.set()
        self._thread.join(60)

    def keep_time(self, second: float) -> None:
        """The load is so many seconds old."""
        if second >= self.during.at:
            self._go.set()

    def _run(self) -> None:
        try:
            self._go.wait()
            self._play()
        except (HarnessError, psycopg.Error, OSError) as error:
            self.failed = str(error).strip().splitlines()[0]
        except Exception as error:  # noqa: BLE001 - nobody would hear of it in a thread
            self.failed = f"{type(error).__name__}: {error}"
        finally:
            with suppress(OSError):
                self.finished.touch()

    def _play(self) -> None:
        databases = list(self.system.databases())
        for way, order in ((UPGRADE, databases), (DOWNGRADE, databases[::-1])):
            for database in order:
                if self._cancel.is_set() or any(passage.failed for passage in self.passages):
                    return
                self.say(f"{NAMES[way]}" + (f" · {database.service}" if database.service else ""))
                self.passages.append(self._pass(way, database))
            self._cancel.wait(self.during.pause_seconds if way == UPGRADE else TAIL_SECONDS)

    def _pass(self, way: str, database: Database) -> Passage:
        command, revision = self.way.up if way == UPGRADE else self.way.down
        hold = Hold(database, self.during.hold_seconds, self.during.hold_tables)
        with LockProbe(database, MIGRATION_ROLE) as probe, hold:
            self._cancel.wait(LEAD_SECONDS)
            log = self.system.statement_log()
            start = log.stat().st_size
            begun = time.time()
            process = self.system.migrating(database, command, revision, NAMES[way].replace(" ", "-"))
            failed = self._await(process, hold, probe)
            if failed:
                with database.connect() as connection:  # the server would go on with what nobody waits for
                    connection.execute(f"{MARK} {_END}".encode(), (MIGRATION_ROLE,))
            ended = time.time()
            self._cancel.wait(AFTER_SECONDS)
        with log.open("rb") as file:
            file.seek(start)
            log_text = file.read().decode(errors="replace")
        seen = probe.seen
        told = told_by(log_text, begun, ended + LOG_SECONDS)
        ran = told.statements
        done = with_locks(_with_unfinished(ran, seen), seen)
        waits = [let_go(done, _with_cause(wait, done)) for wait in seen.waits if wait.own or wait.head]
        return Passage(
            way=way,
            service=database.service,
            revision=revision,
            begun=begun,
            ended=ended,
            failed=failed,
            held=hold.held,
            statements=tuple(done),
            waits=tuple(waits),
            queue=_with_head(seen.queue, waits),
            space=probe.space(begun, ended),
            rewritten=probe.rewritten(),
            invalid=probe.invalid(),
            errors=told.errors_of_others,
            looks=seen.looks,
            look_ms=seen.look_seconds / seen.looks * 1000 if seen.looks else 0.0,
            unread=_unread(probe, ran),
        )

    def _await(self, process: Process, hold: Hold, probe: LockProbe) -> str:
        """Why the migration did not get to its end; empty when it did."""
        deadline = time.monotonic() + self.seconds
        while (status := process.popen.poll()) is None:
            if probe.seen.own:
                hold.keep_time()
            if self._cancel.wait(POLL_SECONDS) or time.monotonic() > deadline:
                process.end(seconds=2.0)
                return "was interrupted" if self._cancel.is_set() else f"took longer than {self.seconds:g} s"
        process.end(seconds=2.0)  # what it left behind
        return f"failed ({describe(status)}): {_last_line(process.log)}" if status else ""


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _with_cause(wait: Wait, ran: Sequence[Ran]) -> Wait:
    return replace(wait, head=cause(ran, wait.head, wait.table, wait.ended)) if wait.head else wait


def _with_head(queue: Queue, waits: Sequence[Wait]) -> Queue:
    """The queue with the statement behind which most of those stood that waited then."""
    heads = [wait.head for wait in waits if wait.by_migration and wait.begun <= queue.at <= wait.ended]
    return replace(queue, head=max(heads, key=heads.count)) if heads else queue


def _with_unfinished(ran: Sequence[Ran], seen: Seen) -> list[Ran]:
    """The statements with those that were seen to run and of which the log does not tell that they ended.

    One that failed gets the begin that was seen.
    """
    found = list(ran)
    for (_, since), text in sorted(seen.active.items(), key=lambda one: one[0][1]):
        known = [n for n, one in enumerate(found) if one.ms is not None and abs(one.begun - since) < SAME_SECONDS]
        broken = [n for n, one in enumerate(found) if one.error and one.begun >= since and one.text[:200] == text[:200]]
        if known:
            continue
        if broken:
            one = found[broken[0]]
            found[broken[0]] = Ran(since, (one.begun - since) * 1000, one.text, one.error)
        elif not any(one.begun <= since <= one.ended for one in found):
            found.append(Ran(since, None, text))
    return found


def _unread(probe: LockProbe, ran: Sequence[Ran]) -> str:
    if probe.failed:
        return f"who waited could not be read: {probe.failed}"
    if not ran and not probe.seen.own:
        return "no session of the migration was seen: let its command connect to DATABASE_URL"
    if not ran:
        return (
            "the server's log has no statement of the migration: leave log_line_prefix and log_destination as they are"
        )
    return ""
