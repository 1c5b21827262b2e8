"""The generator process: starts it, reads its progress, ends it."""

import json
import os
import selectors
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, run
from typing import IO, Any

from harness.environment.processes import LABEL, describe_status, pin_to_cores, with_log
from harness.environment.variables import expand_url
from harness.errors import DiskFullError, MeasurementError, PlanError, Problem
from harness.plan.environment import ANSWERS_KEY, HOST_VARIABLE, url_variable
from harness.plan.model import Plan

CHECK_SECONDS = 120.0
OVERTIME_SECONDS = 60.0
LULL_SECONDS = 120.0
NEEDED_BYTES = 1 << 20
Check = Callable[[], None]
Env = dict[str, str]
OnRequest = Callable[[Mapping[str, Any] | None], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """A report of the generator."""

    second: float
    stage: int | None = None  # an index; ``None`` while the last requests finish
    stage_second: float | None = None
    users: int = 0
    requests: int = 0
    failures: int = 0
    rps: float = 0.0
    p95_ms: float | None = None
    workers: int = 0  # that have connected, of the ``wanted`` ones, before the load
    wanted: int = 0

    @property
    def gathering(self) -> bool:
        """Whether the generator still waits for workers."""
        return self.workers < self.wanted


@dataclass(frozen=True, slots=True)
class Remote:
    """The number of workers to wait for, and the ``HOST:PORT`` where they connect."""

    workers: int
    bind: str


def check_users(plan: Plan, plan_path: Path, base: Path) -> tuple[Path, ...]:
    """The user files and their imports; raises ``PlanError`` if one cannot be loaded, or an endpoint is unknown."""
    files, endpoints = _loaded("load.users", plan.load.users, plan, plan_path, base)
    places = [(f"{where}.endpoint", place.endpoint, endpoints) for where, place in plan.places if place.endpoint]
    places += [
        (f"tags.{tag}[{index}]", name, endpoints)
        for tag, names in plan.tags.items()
        for index, name in enumerate(names)
    ]
    if plan.answers:
        in_corpus = endpoints
        if plan.answers.users:
            own, in_corpus = _loaded("answers.users", plan.answers.users, plan, plan_path, base)
            files = tuple(dict.fromkeys((*files, *own)))
        places += [(where, endpoint, in_corpus) for where, endpoint in plan.answers.endpoints]
    unknown = [
        Problem(where, f'no user file requests "{endpoint}"; they request {", ".join(known)}')
        for where, endpoint, known in places
        if known and endpoint not in known  # empty: endpoints computed at run time
    ]
    if unknown:
        raise PlanError(plan_path, unknown)
    return files


def _loaded(
    key: str, names: Sequence[str], plan: Plan, plan_path: Path, base: Path
) -> tuple[tuple[Path, ...], list[str]]:
    """The user files under a key of the plan with their imports, and the endpoints that they request."""
    missing = [
        Problem(f"{key}[{index}]", f"no file {base / name}")
        for index, name in enumerate(names)
        if not (base / name).is_file()
    ]
    if missing:
        raise PlanError(plan_path, missing)
    command = [*_generator("check", plan, plan_path, base), "--key", key]
    done = run(command, capture_output=True, text=True, timeout=CHECK_SECONDS, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [describe_status(done.returncode)]
        error = PlanError(plan_path, [Problem(key, f"cannot be loaded: {last[0]}")])
        error.add_note(done.stderr.strip())
        raise error
    answer = json.loads(done.stdout)
    return tuple(map(Path, answer["files"])), answer["endpoints"]


@dataclass(frozen=True, slots=True)
class Job:
    """What the generator needs for one leg."""

    plan: Plan
    plan_path: Path  # which the generator reads with the profile of ``plan``
    base: Path  # the folder to which user files are relative
    host: str  # base URL of the arm's first service; ``${NAME}`` in it and in ``urls`` is expanded
    out: Path  # the folder of the leg; of a corpus the file of the responses
    log: Path
    label: str  # identifies the process if the run is killed
    seed: int  # of the users, the same for both arms of a block
    urls: Mapping[str, str] = field(default_factory=dict)  # of the named services, environment variables of user files
    remote: Remote | None = None  # the workers that generate the load; ``None``: this machine does
    last: bool = False  # no further leg follows, so the workers end
    arm: str = ""
    until: Path | None = None  # the load ends when this file exists; for a migration under load


def generate(job: Job, *, on_progress: Callable[[Progress], None], check: Check) -> None:
    """Generate the load of one leg into its folder; ``check``, called twice a second, raises if the system is down.

    Raises ``MeasurementError`` if the generator fails or does not end, ``DiskFullError`` if the disk is full.
    """
    command = _generator("run", job.plan, job.plan_path, job.base)
    command += ["--out", str(job.out), "--seed", str(job.seed), f"--arm={job.arm}"]
    if job.remote:
        command += ["--workers", str(job.remote.workers), "--bind", job.remote.bind]
    if job.until:
        command += ["--until", str(job.until)]
    if job.last:
        command.append("--last")
    job.out.mkdir(parents=True, exist_ok=True)
    allowed = job.plan.seconds + job.plan.load.stop_seconds + OVERTIME_SECONDS

    def take(line: bytes) -> bool:
        progress = Progress(**json.loads(line))
        on_progress(progress)
        return job.remote is not None and progress.gathering  # no time limit while somebody starts workers

    _supervise(command, job, take, check, allowed, {}, paced=False)


def request_answers(
    job: Job, key: str, *, on_progress: Callable[[int, int], None], check: Check, on_request: OnRequest | None = None
) -> None:
    """Send the corpus of the plan to an arm; writes the responses to the file ``job.out``. Raises as ``generate``.

    ``on_progress`` takes the number of requests sent and their total. ``key`` keys the digests of the requests; it is
    the same for both arms and stored nowhere. ``on_request`` is called with ``None`` before the first request and with
    the generator's report after each; the next request waits for its return.
    """
    command = [*_generator("answers", job.plan, job.plan_path, job.base), "--key", "answers.users"]
    command += ["--out", str(job.out), "--seed", str(job.seed), *(["--paced"] if on_request else [])]
    job.out.parent.mkdir(parents=True, exist_ok=True)
    last: int = -1

    def take(line: bytes) -> bool:
        nonlocal last
        report = json.loads(line)
        before, last = last, int(report["asked"])
        on_progress(last, int(report["wanted"]))
        if on_request:
            on_request(report["request"])
        return before < last

    env = {ANSWERS_KEY: key, "PYTHONHASHSEED": "0"}  # the same iteration order of sets in both arms
    allowed = job.plan.load.stop_seconds + LULL_SECONDS
    _supervise(command, job, take, check, allowed, env, paced=on_request is not None)


def _supervise(
    command: list[str], job: Job, take: Callable[[bytes], bool], check: Check, allowed: float, env: Env, *, paced: bool
) -> None:
    """Run the generator within ``allowed`` seconds, which begin again when ``take`` of a line returns true."""
    addresses = {url_variable(service): url for service, url in job.urls.items()} | {HOST_VARIABLE: job.host}
    urls = {name: expand_url(url, name) for name, url in addresses.items()}  # arguments are visible to other users
    deadline = time.monotonic() + allowed
    with job.log.open("ab") as errors:
        env = {**os.environ, **urls, **env, LABEL: job.label}
        stdin = PIPE if paced else DEVNULL
        child = Popen(command, stdin=stdin, stdout=PIPE, stderr=errors, env=env, start_new_session=True)
        waiting = False
        pin_to_cores(child.pid, job.plan.load.cores)
        try:
            for line in _lines(child):
                check()
                if line:
                    waiting = take(line)
                    _send_byte(child)
                if waiting:
                    deadline = time.monotonic() + allowed
                if time.monotonic() > deadline:
                    raise with_log(MeasurementError("the generator did not end in time"), job.log)
            status = child.wait()
        finally:
            _end(child)
    if status and shutil.disk_usage(job.out.parent).free < NEEDED_BYTES:
        raise DiskFullError(job.out)
    if status:
        raise with_log(MeasurementError(f"the generator failed ({describe_status(status)})"), job.log)


def _generator(action: str, plan: Plan, plan_path: Path, base: Path) -> list[str]:
    command = [sys.executable, "-m", "harness.generator", action, str(plan_path), "--base", str(base)]
    return command if plan.profile is None else [*command, f"--profile={plan.profile}"]


def _lines(child: "Popen[bytes]") -> Iterator[bytes]:
    """The lines of the child, and an empty one at least twice a second."""
    output: IO[bytes] | None = child.stdout
    if output is None:
        return
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        buffer = b""
        while True:
            if not selector.select(timeout=0.5):
                yield b""
                continue
            chunk = os.read(output.fileno(), 65536)
            if not chunk:
                return
            *lines, buffer = (buffer + chunk).split(b"\n")
            yield from lines


def _send_byte(child: "Popen[bytes]") -> None:
    """Let a paced generator send the next request."""
    if child.stdin:
        with suppress(BrokenPipeError):
            child.stdin.write(b"\n")
            child.stdin.flush()


def _end(child: "Popen[bytes]") -> None:
    with suppress(ProcessLookupError):  # the group has ended by itself
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            with suppress(OSError):  # unsent bytes
                pipe.close()
