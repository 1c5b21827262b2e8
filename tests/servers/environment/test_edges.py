"""Processes, seeds, the watchdog, progress lines, doctor, and the generator as a program."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest

from harness.cli import doctor
from harness.cli import main as cli
from harness.cli.doctor import check_host
from harness.cli.progress import LineObserver, PlainObserver
from harness.environment import seeds
from harness.environment.local import LocalEnvironment
from harness.environment.processes import SESSIONS, ManagedProcesses, end_together, is_owner_alive, session_processes
from harness.environment.readiness import why_not_ok
from harness.environment.servers import free_ports
from harness.errors import CommandError, EnvironmentFailedError, PlanError
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from harness.record.leg import Leg
from harness.record.setup import differing_facts
from harness.run.generator_process import Progress
from tests.doubles import PLAN, synthetic_setup

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(99)"


@pytest.fixture
def plan() -> Plan:
    return parse_plan(PLAN)


# --- processes


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[ManagedProcesses]:
    made = ManagedProcesses(tmp_path)
    yield made
    made.close()


def stubborn(processes: ManagedProcesses, folder: Path) -> Any:  # noqa: ANN401
    log = folder / "stubborn.log"
    process = processes.start("stubborn", [sys.executable, "-c", STUBBORN], log, cwd=folder, env={})
    while "up" not in log.read_text():
        time.sleep(0.01)
    return process


def test_what_does_not_listen_to_sigterm_is_killed(processes: ManagedProcesses, tmp_path: Path) -> None:
    process = stubborn(processes, tmp_path)
    process.end(seconds=0.2)
    assert process.popen.poll() == -signal.SIGKILL


def test_processes_that_end_together_share_the_patience(processes: ManagedProcesses, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    both = [stubborn(processes, folder) for folder in (tmp_path, tmp_path / "other")]
    started = time.monotonic()
    end_together(both, seconds=1.5)
    assert 1.5 <= time.monotonic() - started < 3
    assert [process.popen.poll() for process in both] == [-signal.SIGKILL] * 2


def test_closing_kills_what_does_not_listen_to_sigterm(processes: ManagedProcesses, tmp_path: Path) -> None:
    process = stubborn(processes, tmp_path)
    processes.close()
    assert process.popen.poll() == -signal.SIGKILL


def test_a_command_that_takes_too_long_is_ended(processes: ManagedProcesses, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; print('half way', flush=True); time.sleep(20)"]
    with pytest.raises(CommandError, match=r"slow took longer than 0.5 s") as caught:
        processes.run("slow", command, tmp_path / "slow.log", cwd=tmp_path, env={}, seconds=0.5)
    assert "last lines of" in caught.value.__notes__[0]


def test_a_process_id_that_was_used_again_is_not_the_runs() -> None:
    me = psutil.Process()
    started = int(me.create_time())
    assert is_owner_alive(f"{me.pid}-{started}-abc")
    assert not is_owner_alive(f"{me.pid}-{started - 60}-abc")


def test_a_session_whose_leader_is_another_process_is_not_the_runs(tmp_path: Path) -> None:
    leader = psutil.Popen(["sleep", "60"], start_new_session=True)
    try:
        (tmp_path / SESSIONS).write_text(f"{leader.pid} {leader.create_time()}\n")
        assert [process.pid for process in session_processes(tmp_path)] == [leader.pid]
        (tmp_path / SESSIONS).write_text(f"{leader.pid} {leader.create_time() - 60}\n")
        assert list(session_processes(tmp_path)) == []
    finally:
        leader.kill()
        leader.wait()


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _ignores(pid: int, *numbers: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    mask = int(status.partition("SigIgn:")[2].split()[0], 16)
    return all(mask >> (number - 1) & 1 for number in numbers)


def test_the_watchdog_survives_what_ends_the_harness(tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()
    command = [sys.executable, "-m", "harness.environment.watchdog", "0-0-nobody", str(folder)]
    watchdog = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not _ignores(watchdog.pid, *ENDING):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for number in ENDING:
            watchdog.send_signal(number)
        time.sleep(0.2)
        assert watchdog.poll() is None
        assert folder.exists()
        watchdog.communicate(timeout=10)
    finally:
        watchdog.kill()
        watchdog.wait()
    assert watchdog.returncode == 0
    assert not folder.exists()


# --- servers, seeds, local


def test_ports_are_all_different() -> None:
    assert len(set(free_ports(500))) == 500


@pytest.mark.parametrize(("status", "ready"), [(200, True), (204, False), (503, False)])
def test_only_200_is_ready(status: int, *, ready: bool) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.handle_request)
    thread.start()
    assert (why_not_ok(f"http://127.0.0.1:{server.server_port}/") == "") is ready
    thread.join()
    server.server_close()


def with_seed(text: str = "") -> Plan:
    return parse_plan(
        PLAN.replace(
            "serve =", f'provides = ["postgres"]\nseed = "x"\nmigrate = "y"\nseed_inputs = ["*.sql"]\n{text}serve ='
        ).replace("[arms.before]", '[arms.before]\nrevision = "1"')
    )


def test_inputs_of_a_seed_may_be_anywhere(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("x")
    here, anywhere = with_seed(), with_seed().environment.model_copy(update={"seed_inputs": (f"{tmp_path}/*.sql",)})
    there = here.model_copy(update={"environment": anywhere})
    assert seeds.seed_fingerprint(there, Path("/"), {}) == seeds.seed_fingerprint(here, tmp_path, {})


def test_everything_that_makes_a_seed_is_in_its_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("x")
    one = with_seed()
    fingerprint = seeds.seed_fingerprint(one, tmp_path, {"server": "1"})
    assert fingerprint == seeds.seed_fingerprint(with_seed(), tmp_path, {"server": "1"})
    before = one.arms["before"].model_copy(update={"revision": "2"})
    others = [
        (with_seed("scale = 2.0\n"), {"server": "1"}),
        (with_seed('env = { A = "1" }\n'), {"server": "1"}),
        (one.model_copy(update={"arms": {**one.arms, "before": before}}), {"server": "1"}),
        (one.model_copy(update={"environment": one.environment.model_copy(update={"seed": "z"})}), {"server": "1"}),
        (one.model_copy(update={"environment": one.environment.model_copy(update={"migrate": "z"})}), {"server": "1"}),
        (one, {"server": "2"}),
    ]
    found = [seeds.seed_fingerprint(plan, tmp_path, versions) for plan, versions in others]
    assert len({fingerprint, *found}) == 7
    (tmp_path / "a.sql").unlink()
    with pytest.raises(PlanError, match=r'seed_inputs\[0\]: "\*.sql" matches no file'):
        seeds.seed_fingerprint(one, tmp_path, {})


def test_each_service_adds_its_inputs_to_the_fingerprint(tmp_path: Path) -> None:
    spec = with_seed().environment

    def found(*services: str, inputs: str = "{service}.sql") -> str:
        environment = spec.model_copy(update={"services": services, "seed_inputs": (inputs,)})
        return seeds.seed_fingerprint(with_seed().model_copy(update={"environment": environment}), tmp_path, {})

    (tmp_path / "a.sql").write_text("x")
    with pytest.raises(PlanError, match=r'seed_inputs\[0\]: "b.sql" matches no file'):
        found("a", "b")
    (tmp_path / "b.sql").write_text("y")
    one = found("a", "b")
    assert len({one, found("a"), found("b"), found("b", "a"), found(inputs="*.sql"), found("a", inputs="*.sql")}) == 6
    (tmp_path / "b.sql").write_text("z")
    assert found("a", "b") != one


def test_the_longest_unused_seeds_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    for number in range(4):
        built = tmp_path / f"built{number}"
        built.mkdir()
        kept = seeds.store(built, f"seed{number}", {"rows": number})
        assert seeds.row_counts(kept) == {"rows": number}
        os.utime(kept, (1000 + number, 1000 + number))
        assert seeds.find("seed0") == tmp_path / "cache" / "seeds" / "seed0"  # used again and again
    assert {path.name for path in (tmp_path / "cache" / "seeds").iterdir()} == {"seed0", "seed2", "seed3"}


def test_commands_are_filled_in(tmp_path: Path) -> None:
    plan = parse_plan(PLAN.replace("serve =", "scale = 0.25\nserve ="))
    environment = LocalEnvironment(plan, tmp_path, tmp_path, lambda _: None)
    command = environment._command("{python} 'a b' {port} {revision} {scale}", port=80, revision="head")
    assert command == ["python", "a b", "80", "head", "0.25"]
    assert environment._command("serve {service}", service="auth") == ["serve", "auth"]


# --- trial


def test_what_two_runs_must_share(plan: Plan) -> None:
    one = synthetic_setup(plan)
    assert differing_facts(one, one) == []
    same = replace(
        one,
        started="later",
        host={**one.host, "memory_bytes": 1, "load_before": 2.0},
        versions={**one.versions, "harness": "9"},
    )
    assert differing_facts(one, same) == []
    other = replace(
        one,
        users_fingerprint="x",
        seed_fingerprint=None,
        host={**one.host, "cpu": "Other CPU"},
        versions={**one.versions, "redis": "8.0"},
        settings={"shared_buffers": "1GB", "recorded only by later releases": "on"},
        row_counts={**one.row_counts, "users": 0},
        profile="quick",
    )
    assert differing_facts(one, other) == [
        "profile: None, quick",
        "user files: ba9876543210, x",
        "seed: 5eed5eed5eed, None",
        "host cpu: Example CPU, Other CPU",
        "version of redis: None, 8.0",
        "setting shared_buffers: 256MB, 1GB",
        "rows of users: 20000, 0",
    ]


# --- observers


class Recorder(LineObserver):
    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.shown: list[tuple[str, bool]] = []

    def show(self, text: str, *, update: bool = False) -> None:
        self.shown.append((text, update))


def test_what_is_left_is_this_leg_and_those_to_come(plan: Plan) -> None:
    observer = Recorder(plan)
    observer.leg(Leg(3, 2, "after"), synthetic_setup(plan))
    observer.progress(Progress(2.0, 1, 0.0, 5, 10, 0, 10.0, 12.5))
    observer.progress(Progress(33.0, None, None, 5, 10, 0, 10.0, 12.5))
    place = "block 2 of 2 · after"
    assert observer.shown == [
        (f"{place} · resetting and starting the service", False),
        (f"{place} · sustain 0 of 30 s · 5 users · 10.0 req/s · P95 12.5 ms · errors 0 · 1:06 left", True),  # 30 + 36 s
        (f"{place} · waiting for the last responses", True),
    ]


def test_services_that_start_are_counted(plan: Plan) -> None:
    environment = plan.environment.model_copy(update={"services": ("a", "b", "c")})
    observer = Recorder(plan.model_copy(update={"environment": environment}))
    observer.leg(Leg(1, 1, "before"), synthetic_setup(plan))
    assert observer.shown == [("block 1 of 2 · before · resetting and starting 3 services", False)]


def test_plain_updates_come_every_ten_seconds(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("harness.cli.progress.time.monotonic", lambda: clock[0])
    written: list[str] = []
    with PlainObserver(plan, written.append) as observer:
        observer.say("news")
        for clock[0] in (101.0, 109.9, 110.0, 111.0):
            observer.show(f"at {clock[0]}", update=True)
        observer.say("more")
    assert written == ["news", "at 110.0", "more"]


# --- doctor


def fixes() -> dict[str, tuple[str, bool]]:
    return {finding.what: (finding.fix, finding.needed) for finding in check_host()}


def test_doctor_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise EnvironmentFailedError("put one on the PATH")

    monkeypatch.setattr(doctor, "redis_program", none)
    monkeypatch.setattr(doctor, "LEAST_MEMORY", 2**60)
    monkeypatch.setattr(doctor, "LEAST_DISK", 2**60)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    found = fixes()
    assert found["Redis"] == ("put one on the PATH", True)
    assert found["free memory"] == ("free at least 2 GiB", True)
    assert found["cache folder"][0].startswith("free at least 3 GiB")
    assert found["cores"] == ("generator and service share one core: expect wide intervals", False)
    assert found["Locust"][0] == ""


def test_a_defect_is_no_verdict(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(cli, "cli", broken)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 4
    assert "a defect" in capsys.readouterr().err
