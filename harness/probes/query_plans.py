"""Query plans of executed statements, actual or estimated.

auto_explain logs the actual plan of every statement. It slows statements down, so it is never on under load. If it is
not loaded or the log is not readable, EXPLAIN gives an estimated plan, without parameter values.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
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
"""In this order: the format is set before anything is logged."""
SINCE = {"auto_explain.log_parameter_max_length": 160_000}
"""First server version by setting."""
SWITCH = "auto_explain.log_min_duration"
WAIT_SECONDS = 5.0
POLL_SECONDS = 0.02
GENERIC_PLAN_SINCE = 160_000
MAX_LOG_BYTES = 64_000_000
"""Of the end of the log, which is read."""
_ENTRY = re.compile(r"\[(?P<session>\d+)\] (?:harness=(?P<database>\S*) )?LOG:  duration: (?P<ms>[\d.]+) ms  plan:\s*$")
_EXPLAINABLE = re.compile(r"^\W*(?:select|insert|update|delete|merge|with|values|table)\b", re.IGNORECASE)
_PARAMETER = re.compile(r"\$(\d+)")


class AutoExplain:
    """Logs the plans of a server's statements in its context, then sets ``plans``, or ``missing`` to the reason."""

    def __init__(self, databases: Sequence[Database], log: Path | None) -> None:
        self.databases, self.log = list(databases), log
        self.plans: list[ExplainedStatement] = []
        self.missing = "" if log else "the server's log is not readable here"
        self._offset, self._changed = 0, False

    def __enter__(self) -> Self:
        """Switch auto_explain on, and wait until it is."""
        if self.log and self.databases:
            try:
                with self.databases[0].statistics() as connection:
                    self._switch_on(connection, self.log)
            except (psycopg.Error, OSError) as error:
                self.missing = " ".join(str(error).split())
        return self

    def __exit__(self, *_: object) -> None:
        """Switch auto_explain off, and read the plans."""
        if not self.log or not self._changed:
            return
        try:
            with self.databases[0].statistics() as connection:
                self._switch_off(connection)
            self.plans = slowest_plans(plans_in(self._new(self.log), {one.name: one.service for one in self.databases}))
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
        """Reload the configuration, and wait until a new connection has it."""
        connection.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            with self.databases[0].statistics() as fresh:
                ((found,),) = fresh.execute(sql.SQL("SHOW {}").format(_identifier(SWITCH)))
            if str(found) == wanted:
                return
            time.sleep(POLL_SECONDS)
        self.missing = f"{SWITCH} did not become {wanted}: do not set it on the server's command line"

    def _new(self, log: Path) -> str:
        """What the server logged since the start; of a large log the end."""
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(self._offset, size - MAX_LOG_BYTES))
            return file.read().decode("utf-8", "replace")


def plans_in(log: str, services: Mapping[str, str | None]) -> Iterator[tuple[str, ExplainedStatement]]:
    """The session and plan of each statement in a server's log.

    Only plans of the databases in ``services`` (by name) count, without the harness's own statements, and without plans
    that are truncated or in an unknown format.
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
                plan = ExplainedStatement(fingerprint(text), normalised(text), root, service, float(match["ms"]))
                yield match["session"], plan


def slowest_plans(plans: Iterable[tuple[str, ExplainedStatement]]) -> list[ExplainedStatement]:
    """The slowest plan of each statement, with the number of its plans.

    The first execution in a session counts only if there is no other: it also reads the catalogue into its cache.
    """
    found: dict[tuple[str | None, str], tuple[list[ExplainedStatement], list[ExplainedStatement]]] = {}
    met = set()
    for session, plan in plans:
        place = plan.service, plan.fingerprint
        found.setdefault(place, ([], []))[(session, place) in met].append(plan)
        met.add((session, place))
    return [
        replace(max(again or first, key=lambda one: one.ms or 0.0), calls=len(first + again))
        for first, again in found.values()
    ]


def _plan(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def estimate_plan(database: Database, text: str) -> ExplainedStatement | None:
    """The estimated plan of a statement with parameters ``$1`` …; ``None`` if it cannot be explained."""
    if not _EXPLAINABLE.match(text):
        return None
    try:
        with database.connect() as connection:
            raw = _generic_plan(connection, text.rstrip().rstrip(";"))
    except psycopg.Error:
        return None
    if (root := parse_explain(json.loads(raw) if isinstance(raw, str) else raw)) is None:
        return None
    return ExplainedStatement(fingerprint(text), normalised(text), root, database.service, estimated=True)


def _generic_plan(connection: Connection, text: str) -> object:
    """The generic plan: by EXPLAIN (GENERIC_PLAN) since PostgreSQL 16, before by a prepared statement with NULLs."""
    statement = text.encode()
    if connection.info.server_version >= GENERIC_PLAN_SINCE:
        ((raw,),) = _execute_plain(connection, f"{MARK} EXPLAIN (GENERIC_PLAN, FORMAT JSON) ".encode() + statement)
        return raw
    count = max(map(int, _PARAMETER.findall(text)), default=0)
    values = b"(" + b", ".join([b"NULL"] * count) + b")" if count else b""
    with connection.transaction(force_rollback=True):
        _execute_plain(connection, b"SET LOCAL plan_cache_mode = force_generic_plan")
        _execute_plain(connection, f"{MARK} PREPARE harness_plan AS ".encode() + statement)
        ((raw,),) = _execute_plain(connection, f"{MARK} EXPLAIN (FORMAT JSON) EXECUTE harness_plan".encode() + values)
        _execute_plain(connection, b"DEALLOCATE harness_plan")
    return raw


def _execute_plain(connection: Connection, statement: bytes) -> list[tuple[object, ...]]:
    """Run a statement without client-side parameters."""
    cursor = psycopg.ClientCursor(connection)
    cursor.execute(statement)
    return cursor.fetchall() if cursor.description else []


def _identifier(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))
