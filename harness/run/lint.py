"""Migration lint: findings of squawk, a linter of PostgreSQL migrations, on the statements that a migration ran."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.record.migration import UPGRADE, LintFinding, MigrationStep

PROGRAM = "squawk"
SECONDS = 30.0
MISSING = "no linter: pip install squawk-cli"
NO_CONFIG = "/dev/null"
_READS = re.compile(r"(SELECT|SHOW|SAVEPOINT|RELEASE|ROLLBACK TO)\b", re.IGNORECASE)
_ROLLBACK = re.compile(r"^ROLLBACK$", re.IGNORECASE)
"""Also the end of a transaction, which squawk does not know."""


def lint(passages: Sequence[MigrationStep]) -> tuple[tuple[LintFinding, ...], str]:
    """The findings on the statements of upgrades, and the name of the linter, or why it is missing."""
    program = squawk_program()
    if program is None:
        return (), MISSING
    found: list[LintFinding] = []
    for number, passage in enumerate(passages):
        if passage.way != UPGRADE or not passage.statements:
            continue
        script, places = _script([one.text for one in passage.statements])
        if not places:
            continue
        try:
            messages = _messages(program, script)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            return tuple(found), f"squawk could not be asked: {str(error).splitlines()[0]}"
        for message in messages:
            line = int(str(message.get("line_end", message.get("line", 0))))
            statement = places[min(max(line, 0), len(places) - 1)]
            rule, said = str(message.get("rule_name", "")), str(message.get("message", ""))
            found.append(LintFinding(number, statement, rule, said, str(message.get("help") or "")))
    return tuple(found), PROGRAM


def squawk_program() -> str | None:
    """The path of squawk: beside this interpreter, where its wheel puts it, else from the PATH."""
    beside = Path(sys.executable).parent / PROGRAM
    return str(beside) if os.access(beside, os.X_OK) else shutil.which(PROGRAM)


def _script(texts: Sequence[str]) -> tuple[str, list[int]]:
    """Statements as a script, and for each of its lines the statement that it belongs to."""
    lines, places = list[str](), list[int]()
    for number, text in enumerate(texts):
        if _READS.match(text.strip()):
            continue
        own = _ROLLBACK.sub("COMMIT", text.strip()).rstrip(";").splitlines() or [""]
        own[-1] += "\n;" if "--" in own[-1] else ";"
        written = "\n".join(own).splitlines()
        lines += written
        places += [number] * len(written)
    return "\n".join(lines) + "\n", places


def _messages(program: str, script: str) -> list[dict[str, object]]:
    """Its messages about a script; configuration files are ignored.

    Raises:
        OSError: when squawk cannot be run.
        ValueError: when its output is no JSON.
        subprocess.SubprocessError: when it takes too long.
    """
    command = [program, "--reporter", "json", "--config", NO_CONFIG, "--stdin-filepath", "migration.sql"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=SECONDS, check=False)
    raw = json.loads(done.stdout or "null")
    if not isinstance(raw, list):
        raise ValueError((done.stderr or done.stdout).strip() or "it said nothing")  # noqa: TRY004 - as JSON's own
    return raw
