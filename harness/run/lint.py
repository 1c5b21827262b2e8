"""Migration lint: findings of squawk, a linter for PostgreSQL migrations, on executed statements."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.errors import first_line
from harness.record.migration import UPGRADE, LintFinding, MigrationStep

PROGRAM = "squawk"
SECONDS = 30.0
MISSING = "no linter: pip install squawk-cli"
NO_CONFIG = "/dev/null"
_READ_ONLY = re.compile(r"(SELECT|SHOW|SAVEPOINT|RELEASE|ROLLBACK TO)\b", re.IGNORECASE)
_ROLLBACK = re.compile(r"^ROLLBACK$", re.IGNORECASE)
"""Replaced by COMMIT: squawk does not take it as the end of a transaction."""


def lint(steps: Sequence[MigrationStep]) -> tuple[tuple[LintFinding, ...], str]:
    """The findings on the statements of upgrades, and the name of the linter or why it did not run."""
    program = squawk_program()
    if program is None:
        return (), MISSING
    found: list[LintFinding] = []
    for number, step in enumerate(steps):
        if step.way != UPGRADE or not step.statements:
            continue
        script, places = _script([statement.text for statement in step.statements])
        if not places:
            continue
        try:
            messages = _messages(program, script)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            return tuple(found), f"squawk failed: {first_line(error)}"
        for message in messages:
            line = int(str(message.get("line_end", message.get("line", 0))))
            statement = places[min(max(line, 0), len(places) - 1)]
            rule, text = str(message.get("rule_name", "")), str(message.get("message", ""))
            found.append(LintFinding(number, statement, rule, text, str(message.get("help") or "")))
    return tuple(found), PROGRAM


def squawk_program() -> str | None:
    """The path of squawk: beside this interpreter, else from the PATH; ``None`` if not installed."""
    beside = Path(sys.executable).parent / PROGRAM
    return str(beside) if os.access(beside, os.X_OK) else shutil.which(PROGRAM)


def _script(texts: Sequence[str]) -> tuple[str, list[int]]:
    """Statements as a script, and for each line the index of its statement."""
    lines, places = list[str](), list[int]()
    for number, text in enumerate(texts):
        if _READ_ONLY.match(text.strip()):
            continue
        own = _ROLLBACK.sub("COMMIT", text.strip()).rstrip(";").splitlines() or [""]
        own[-1] += "\n;" if "--" in own[-1] else ";"
        written = "\n".join(own).splitlines()
        lines += written
        places += [number] * len(written)
    return "\n".join(lines) + "\n", places


def _messages(program: str, script: str) -> list[dict[str, object]]:
    """The messages of squawk on a script; raises ``OSError``, ``ValueError`` or ``subprocess.SubprocessError``."""
    command = [program, "--reporter", "json", "--config", NO_CONFIG, "--stdin-filepath", "migration.sql"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=SECONDS, check=False)
    raw = json.loads(done.stdout or "null")
    if not isinstance(raw, list):
        raise ValueError((done.stderr or done.stdout).strip() or "no output")  # noqa: TRY004 - as json.loads raises
    return raw
