"""Stack: one Compose project of a run, run by ``docker compose`` with the run's model of the file."""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.environment.advice import advice
from harness.environment.processes import TAIL_LINES, ManagedProcesses, describe_status
from harness.environment.variables import conceal
from harness.errors import CommandError, EnvironmentFailedError

if TYPE_CHECKING:
    from harness.environment.compose.model import Credentials

Model = dict[str, Any]
CONFIG_SECONDS, BUILD_SECONDS = 60.0, 1800.0


def resolve(
    processes: ManagedProcesses, files: Sequence[Path], profiles: Sequence[str], env: Mapping[str, str]
) -> Model:
    """The model of Compose files as Compose itself reads them: merged, with variables and profiles applied.

    Raises:
        EnvironmentFailedError: with the error that Compose reports.
    """
    for file in files:
        if not file.is_file():
            raise EnvironmentFailedError(f"environment.file: no file {file}")
    command = ["docker", "compose"]
    command += [part for file in files for part in ("--file", str(file))]
    command += ["--project-directory", str(files[0].parent), "config", "--format", "json"]
    chosen = {"COMPOSE_PROFILES": ",".join(profiles)} if profiles else {}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=CONFIG_SECONDS,
        check=False,
        env={**processes.environment(env), **chosen},
    )
    if done.returncode:
        why = _last(done.stderr) if done.returncode > 0 else describe_status(done.returncode)
        raise EnvironmentFailedError(f"environment.file: {why}")
    model: Model = json.loads(done.stdout)
    return model


class Stack:
    """A project and the model in force; another model of the same project replaces what differs.

    ``credentials`` and ``database_started`` are those of its database server, where it has one.
    """

    def __init__(self, name: str, folder: Path, processes: ManagedProcesses, logs: Path, base: Path) -> None:
        self.name, self.folder, self.processes, self.logs, self.base = name, folder, processes, logs, base
        self.file: Path | None = None
        self.credentials: Credentials | None = None
        self.database_started = ""

    def use(self, title: str, model: Model) -> None:
        """Write the model to the project's file, readable by this user only: it may hold secrets."""
        self.file = self.folder / f"{self.name}-{title}.json"
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(model, file)

    def run(self, *arguments: str, log: str, seconds: float, what: str) -> float:
        """Run a command of Compose to its end; returns seconds.

        Raises:
            CommandError: if it fails or takes too long, with the last lines of its log as a note.
        """
        command = ["docker", "compose", "--project-name", self.name, "--file", str(self.file)]
        command += ["--project-directory", str(self.base), "--progress", "plain", *arguments]
        path = self.logs / f"{log}.log"
        started = time.monotonic()
        process = self.processes.start(what, command, path, cwd=self.base, env={"COMPOSE_PROFILES": ""})
        try:
            status = process.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise CommandError(f"{what} took longer than {seconds:g} s; see {path}") from None
        finally:
            process.end()
            _conceal(path)
        if status:
            lines = path.read_text(errors="replace").splitlines()
            error = CommandError(f"{what} failed: {_reason(lines) if status > 0 else describe_status(status)}")
            error.add_note("\n".join([f"last lines of {path}:", *(f"  {line}" for line in lines[-TAIL_LINES:])]))
            raise error
        return time.monotonic() - started

    def port(self, service: str, port: int) -> int:
        """The port of this machine at which a service's port is published.

        Raises:
            EnvironmentFailedError: if it is not published.
        """
        command = ["docker", "compose", "--project-name", self.name, "--file", str(self.file), "port", service]
        done = subprocess.run(
            [*command, str(port)],
            capture_output=True,
            text=True,
            timeout=CONFIG_SECONDS,
            check=False,
            env=self.processes.environment({"COMPOSE_PROFILES": ""}),
        )
        number = done.stdout.strip().rpartition(":")[2]
        if done.returncode or not number.isdecimal() or number == "0":
            raise EnvironmentFailedError(f"service {service}: port {port} is not published ({_last(done.stderr)})")
        return int(number)


def _conceal(log: Path) -> None:
    text = log.read_text(encoding="utf-8", errors="replace")
    if (safe := conceal(text)) != text:
        log.write_text(safe, encoding="utf-8")


def _last(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"


def _reason(lines: Sequence[str]) -> str:
    """The line of a failed command's log with the error, and advice where the cause is a known one."""
    errors = [line for line in lines if "rror" in line or "denied" in line or "unhealthy" in line]
    reason = (errors or [line for line in lines if line.strip()] or ["it said nothing"])[-1].strip()
    return reason + advice("\n".join(lines))
