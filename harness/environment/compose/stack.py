"""One Compose project of a run, started by ``docker compose`` with the rewritten model."""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.environment.advice import advice
from harness.environment.compose.engine import run_docker
from harness.environment.processes import ManagedProcesses, describe_status, last_line, last_lines
from harness.environment.variables import conceal
from harness.errors import CommandError, EnvironmentFailedError

if TYPE_CHECKING:
    from harness.environment.compose.model import Credentials

Model = dict[str, Any]
BUILD_SECONDS = 1800.0


def resolve(
    processes: ManagedProcesses, files: Sequence[Path], profiles: Sequence[str], env: Mapping[str, str]
) -> Model:
    """The model as Compose resolves it, with variables and profiles; raises ``EnvironmentFailedError``."""
    for file in files:
        if not file.is_file():
            raise EnvironmentFailedError(f"environment.file: no file {file}")
    arguments = [part for file in files for part in ("--file", str(file))]
    arguments += ["--project-directory", str(files[0].parent), "config", "--format", "json"]
    chosen = {"COMPOSE_PROFILES": ",".join(profiles)} if profiles else {}
    done = run_docker("compose", *arguments, env={**processes.environment(env), **chosen})
    if done.returncode:
        why = last_line(done.stderr) if done.returncode > 0 else describe_status(done.returncode)
        raise EnvironmentFailedError(f"environment.file: {why}")
    model: Model = json.loads(done.stdout)
    return model


class Stack:
    """A project and its present model; another model of the project recreates the services that differ."""

    def __init__(self, name: str, folder: Path, processes: ManagedProcesses, logs: Path, base: Path) -> None:
        self.name, self.folder, self.processes, self.logs, self.base = name, folder, processes, logs, base
        self.file: Path | None = None
        self.credentials: Credentials | None = None  # of its database server, as the next
        self.database_started = ""

    def use(self, title: str, model: Model) -> None:
        """Write the model to the project's file, readable by this user only: it may hold secrets."""
        self.file = self.folder / f"{self.name}-{title}.json"
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(model, file)

    def run(self, *arguments: str, log: str, seconds: float, what: str) -> float:
        """Run a command of Compose; returns seconds. Raises ``CommandError`` if it fails or takes too long."""
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
            text = path.read_text(encoding="utf-8", errors="replace")
            if (safe := conceal(text)) != text:
                path.write_text(safe, encoding="utf-8")
        if status:
            lines = safe.splitlines()
            error = CommandError(f"{what} failed: {_reason(lines) if status > 0 else describe_status(status)}")
            error.add_note(last_lines(path, lines))
            raise error
        return time.monotonic() - started

    def port(self, service: str, port: int) -> int:
        """The published port of a service; raises ``EnvironmentFailedError`` if it has none."""
        arguments = ["compose", "--project-name", self.name, "--file", str(self.file), "port", service, str(port)]
        done = run_docker(*arguments, env=self.processes.environment({"COMPOSE_PROFILES": ""}))
        number = done.stdout.strip().rpartition(":")[2]
        if done.returncode or not number.isdecimal() or number == "0":
            raise EnvironmentFailedError(f"service {service}: port {port} is not published ({last_line(done.stderr)})")
        return int(number)


def _reason(lines: Sequence[str]) -> str:
    """The line of a failed command's log with the error, and advice if it is known."""
    errors = [line for line in lines if "rror" in line or "denied" in line or "unhealthy" in line]
    reason = (errors or [line for line in lines if line.strip()] or ["no output"])[-1].strip()
    return reason + advice("\n".join(lines))
