"""Explain: query plans of the statements that a service executed, actual or estimated.

auto_explain writes the plan of every statement into the server's log as it ends, with what really happened. Where it
is loaded and the log can be read, it is switched on for a moment; statements then take longer, so never under a
measured load. Elsewhere EXPLAIN gives the plan of a statement without its values: an estimate.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import sql

from harness.probes.access import Connection, Database
from harness.record.query_plans import ExplainedStatement, parse_explain
from harness.record.statements import MARK, fingerprint, normalised

SETTINGS = {
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_timing": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "log",
    "auto_explain.log_parameter_max_length": "0",
    "auto_explain.log_min_duration": "0",
    "log_line_prefix": "%m [%p] harness=%d ",
}
"""In this order: nothing is written before the form of it is known."""
SINCE = {"auto_explain.log_parameter_max_length": 160_000}
"""What older servers do not know."""
SWITCH = "auto_explain.log_min_duration"
WAIT_SECONDS = 5.0
POLL_SECONDS = 0.02
GENERIC_PLAN_SINCE = 160_000
MOST_BYTES = 64_000_000
"""Of the log, at the end of which the plans are looked for."""
_ENTRY = re.compile(r"\[(?P<session>\d+)\] (?:harness=(?P<database>\S*) )?LOG:  duration: (?P<ms>[\d.]+) ms  plan:\s*$")
_EXPLAINABLE = re.compile(r"^\W*(?:select|insert|update|delete|merge|with|values|table)\b", re.IGNORECASE)
_PARAMETER = re.compile(r"\$(\d+)")


class AutoExplain:
    """Logs the plan of every statement with auto_explain while the context lasts; ``plans`` are known after it.

    Args:
        databases: those of one server whose statements are wanted; empty: does nothing.
        log: the server's log.
    """

    def __init__(self, databases: Sequence[Database], log: Path | None) -> None:
        self.databases, self.log = list(databases), log
        self.plans: list[ExplainedStatement] = []
        self.missing = "" if log else "the server's log is not within reach"
        self._offset, self._changed = 0, False

    def __enter__(self) -> Self:
        """Switch it on, and wait until it is."""
        if self.log and self.databases:
            try:
                with self.databases[0].statistics() as connection:
                    self._switch_on(connection, self.log)
            except (psycopg.Error, OSError) as error:
                self.missing = " ".join(str(error).split())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Read the plans, and switch it off."""
        if not self.log or not self._changed:
            return
        try:
            with self.databases[0].statistics() as connection:
                self._switch_off(connection)
            self.plans = slowest(plans_in(self._new(self.log), {one.name: one.service for one in self.databases}))
        except (psycopg.Error, OSError) as failure:
            self.missing = " ".join(str(failure).split())

    def _switch_on(self, connection: Connection, log: Path) -> None:
        ((loaded,),) = connection.execute("SHOW shared_preload_libraries")
        if "auto_explain" not in str(loaded):
            self.missing = "auto_explain is not loaded: add it to shared_preload_libraries"
            return
        self._offset, self._changed = log.stat().st_size, True
        for name, value in SETTINGS.items():
            if connection.info.server_version >= SINCE.get(name, 0):
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(_identifier(name), sql.Literal(value)))
        self._reload(connection, "0")

    def _switch_off(self, connection: Connection) -> None:
        for name in SETTINGS:
            if connection.info.server_version >= SINCE.get(name, 0):
                connection.execute(sql.SQL("ALTER SYSTEM RESET {}").format(_identifier(name)))
        self._reload(connection, "-1")

    def _reload(self, connection: Connection, wanted: str) -> None:
        """Have the settings take effect; a new connection has them as soon as the server does."""
        connection.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            with self.databases[0].statistics() as fresh:
                ((found,),) = fresh.execute(sql.SQL("SHOW {}").format(_identifier(SWITCH)))
            if str(found) == wanted:
                return
            time.sleep(POLL_SECONDS)
        self.missing = f"{SWITCH} did not become {wanted}: the command line of the server may set it"

    def _new(self, log: Path) -> str:
        """What was written to the log since the start, its end where that is much."""
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(self._offset, size - MOST_BYTES))
            return file.read().decode("utf-8", "replace")


def plans_in(log: str, services: Mapping[str, str | None]) -> Iterator[tuple[str, ExplainedStatement]]:
    """The plans in a server's log, in the order in which they were written, each with the session that it is of.

    Of other databases than those of ``services`` (by name) and of the harness itself there are none. A plan that is cut
    off or in a form that is not known is left out.
    """
    lines = log.splitlines()
    for number, line in enumerate(lines):
        match = _ENTRY.search(line)
        if match is None or (match["database"] is not None and match["database"] not in services):
            continue
        end = number + 1
        while end < len(lines) and lines[end].startswith("\t"):
            end += 1
        body = "\n".join(line[1:] for line in lines[number + 1 : end])
        if (found := _plan(body)) and (root := parse_explain(found)):
            text = str(found.get("Query Text", ""))
            if text and MARK not in text:
                service = services.get(match["database"] or "")
                yield (
                    match["session"],
                    ExplainedStatement(fingerprint(text), normalised(text), root, service, float(match["ms"])),
                )


def slowest(plans: Iterable[tuple[str, ExplainedStatement]]) -> list[ExplainedStatement]:
    """Of each statement the slowest plan, with how many there were.

    What a session ran for the first time counts only where there is nothing else: then it also read what the server
    knows of the tables.
    """
    found: dict[tuple[str | None, str], tuple[list[ExplainedStatement], list[ExplainedStatement]]] = {}
    met = set()
    for session, plan in plans:
        place = plan.service, plan.fingerprint
        found.setdefault(place, ([], []))[(session, place) in met].append(plan)
        met.add((session, place))
    return [
        _counted(max(again or first, key=lambda one: one.ms or 0.0), len(first + again))
        for first, again in found.values()
    ]


def _counted(plan: ExplainedStatement, calls: int) -> ExplainedStatement:
    return ExplainedStatement(plan.fingerprint, plan.text, plan.root, plan.service, plan.ms, calls, plan.estimated)


def _plan(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def estimate(database: Database, text: str) -> ExplainedStatement | None:
    """The estimated plan of a statement whose values are ``$1`` and so on; ``None`` where it has none."""
    if not _EXPLAINABLE.match(text):
        return None
    try:
        with database.connect() as connection:
            raw = _generic_plan(connection, text.rstrip().rstrip(";"))
    except psycopg.Error:
        return None
    root = parse_explain(json.loads(raw) if isinstance(raw, str) else raw)
    return (
        ExplainedStatement(fingerprint(text), normalised(text), root, database.service, estimated=True)
        if root
        else None
    )


def _generic_plan(connection: Connection, text: str) -> object:
    """The plan for any values: EXPLAIN (GENERIC_PLAN) from PostgreSQL 16 on, a prepared statement before.

    A parameter that the server would not know what to do with is NULL, of which the plan is not to depend.
    """
    statement = text.encode()
    if connection.info.server_version >= GENERIC_PLAN_SINCE:
        ((raw,),) = _simply(connection, f"{MARK} EXPLAIN (GENERIC_PLAN, FORMAT JSON) ".encode() + statement)
        return raw
    count = max(map(int, _PARAMETER.findall(text)), default=0)
    values = b"(" + b", ".join([b"NULL"] * count) + b")" if count else b""
    with connection.transaction(force_rollback=True):
        _simply(connection, b"SET LOCAL plan_cache_mode = force_generic_plan")
        _simply(connection, f"{MARK} PREPARE harness_plan AS ".encode() + statement)
        ((raw,),) = _simply(connection, f"{MARK} EXPLAIN (FORMAT JSON) EXECUTE harness_plan".encode() + values)
        _simply(connection, b"DEALLOCATE harness_plan")
    return raw


def _simply(connection: Connection, statement: bytes) -> list[tuple[object, ...]]:
    """Run a statement as it stands, without parameters of this side."""
    cursor = psycopg.ClientCursor(connection)
    cursor.execute(statement)
    return cursor.fetchall() if cursor.description else []


def _identifier(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))
