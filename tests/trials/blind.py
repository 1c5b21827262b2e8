"""``python -m tests.trials.blind --seed 1 --count 500``: damage recorded measurements; no verdict may PASS.

One small run of the reference recommendation service is measured with real servers and is PASS. Each trial takes a
copy of its record, does one fault to it and judges it by ``harness check``; every fifth as a process of its own.
``--live 24`` also runs plans during which a worker is killed, the generator is starved or a database restarts, with
``--count 0`` nothing else. No trial may exit with 0, and what is said has to name what broke.
"""

import argparse
import contextlib
import io
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import psutil

from harness.cli import main as cli
from tests.trials.spoilt import FAULTS, Fault, spoil

ROOT = Path(__file__).parents[2]
HARNESS = [sys.executable, "-m", "harness"]
PROCESS_EVERY = 50
NAMED_SHARE = 0.99
TARGETS = """
[[targets]]
expect = "p95 < 60 s"
[[targets]]
expect = "p50 rises by at most 5000 %"
[[targets]]
expect = "error_rate < 50 %"
"""
PLAN = """\
schema = 1
name = "recommendations, to be spoilt"

[environment]
kind = "local"
provides = ["postgres", "redis"]
seed = "python -m reference_app seed recommendation --scale {scale}"
scale = 0.02
migrate = "python -m reference_app migrate recommendation {revision}"
serve = "python -m reference_app serve recommendation --port {port}"
ready = "/health/ready"
cwd = "CWD"

[arms.before]
revision = "0001"
env = { REFERENCE_RELEASE = "baseline" }
[arms.after]
revision = "head"
env = { REFERENCE_RELEASE = "optimized" }

[load]
users = ["users.py"]
blocks = 2
stop_seconds = 10

[[stages]]
kind = "sustain"
seconds = 10
users = 6
"""
USERS = """
from locust import constant, task

from harness.generator import HttpUser


class Reader(HttpUser):
    wait_time = constant(0.1)
    turn = 0

    @task
    def read(self):
        self.turn += 1
        if self.turn % 2:
            self.client.get(f"/recommendations/{1 + self.turn % 50}?limit=10", name="/recommendations/{user_id}")
        else:
            self.client.get(f"/content/{1 + self.turn % 50}", name="/content/{id}")
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """The outcome of a fault: exit code and output."""

    fault: str
    status: int
    said: str
    named: bool

    @property
    def green(self) -> bool:
        """Whether the verdict passed in spite of the fault."""
        return self.status == 0


def measured(folder: Path, plan: str = PLAN + TARGETS) -> tuple[Path, int, str]:
    """A run of a plan in a folder: its record, its exit code, and what it said."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "users.py").write_text(USERS)
    (folder / "plan.toml").write_text(plan.replace("CWD", str(ROOT)))
    with running(folder) as popen:
        said, _ = popen.communicate(timeout=1800)
    return next(iter(folder.glob("runs/*")), folder), popen.returncode, said


@contextlib.contextmanager
def running(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """The harness, measuring the plan of a folder; ended in the end."""
    command = [*HARNESS, "run", str(folder / "plan.toml"), "--out", str(folder / "runs"), "--plain"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HARNESS_CACHE": str(folder / "cache")}
    popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, cwd=ROOT)
    try:
        yield popen
    finally:
        if popen.poll() is None:
            popen.terminate()
            popen.wait(90)


def judged(run: Path, *, process: bool = False) -> tuple[int, str]:
    """The exit code of ``harness check``, and what it says, on one line."""
    if process:
        done = subprocess.run([*HARNESS, "check", str(run)], capture_output=True, text=True, check=False, cwd=ROOT)
        return done.returncode, " ".join((done.stdout + done.stderr).split())
    said = io.StringIO()
    streams = contextlib.redirect_stdout(said), contextlib.redirect_stderr(said)
    with patch("sys.argv", ["harness", "check", str(run)]), streams[0], streams[1]:
        try:
            cli.main()
        except SystemExit as ended:
            status = int(ended.code or 0)
    return status, " ".join(said.getvalue().split())


def trial(record: Path, chosen: Fault, chance: random.Random, *, process: bool = False) -> Trial:
    """Do one fault to a copy of a record, and judge it."""
    with tempfile.TemporaryDirectory(prefix="blind-") as folder:
        run = Path(shutil.copytree(record, Path(folder) / record.name))
        spoil(run, chosen, chance)
        status, said = judged(run, process=process)
    return Trial(chosen.name, status, said, any(word in said for word in chosen.words))


def trials(record: Path, seed: int, count: int) -> Iterator[Trial]:
    """``count`` trials: kinds of fault in turn, the rest at random."""
    for number in range(count):
        chosen = FAULTS[number % len(FAULTS)]
        yield trial(record, chosen, random.Random(f"{seed}:{number}"), process=number % PROCESS_EVERY == 0)


def table(done: Sequence[Trial]) -> str:
    """The trials by kind of fault."""
    kinds: dict[str, list[Trial]] = defaultdict(list)
    for one in done:
        kinds[one.fault].append(one)
    width = max(map(len, kinds))
    lines = [f"{'fault':<{width}}  trials  exit codes  named  green"]
    for kind, found in kinds.items():
        codes = " ".join(map(str, sorted({one.status for one in found})))
        named, green = sum(one.named for one in found), sum(one.green for one in found)
        lines.append(f"{kind:<{width}}  {len(found):6d}  {codes:<10}  {named:5d}  {green:5d}")
    return "\n".join(lines)


# --- live


def _children(popen: "subprocess.Popen[str]", *words: str) -> list[psutil.Process]:
    found = []
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(popen.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if all(word in " ".join(child.cmdline()) for word in words):
                    found.append(child)
    return found


def _kill(victims: Sequence[psutil.Process]) -> None:
    for one in victims:
        with contextlib.suppress(psutil.Error):
            one.kill()


def _starve(popen: "subprocess.Popen[str]") -> None:
    """Let the generator run for a twentieth of a second in every one and a half."""
    while popen.poll() is None:
        for one in _children(popen, "harness.generator", "run"):
            with contextlib.suppress(psutil.Error):
                one.suspend()
                time.sleep(1.5)
                one.resume()
        time.sleep(0.05)


def _in_load(popen: "subprocess.Popen[str]", folder: Path, leg: int, chance: random.Random) -> bool:
    """Wait until a leg is under load; whether it came to that."""
    while popen.poll() is None:
        if list(folder.glob(f"runs/*/trials/{leg:02d}-*/startup.json")) and _children(
            popen, "harness.generator", "run"
        ):
            time.sleep(4 + chance.uniform(0, 4))
            return popen.poll() is None
        time.sleep(0.1)
    return False


LIVE = {
    "a generator is killed": ("the generator failed",),
    "a worker of two is killed": ("was lost",),
    "a generator is starved": ("stood still", "of a core: it was measuring itself"),
    "a backend of PostgreSQL is killed, so that it restarts": ("postgres restarted", "postgres did not answer"),
    "PostgreSQL is killed": ("postgres ended by itself",),
    "Redis is killed": ("redis ended by itself",),
    "the service is killed": ("service ended by itself",),
}


def live(kind: str, chance: random.Random) -> Trial:
    """One run with a real fault during its load."""
    with tempfile.TemporaryDirectory(prefix="blind-") as made:
        folder = Path(made)
        (folder / "users.py").write_text(USERS)
        plan = (PLAN + TARGETS).replace("CWD", str(ROOT))
        workers = "blocks = 2\nprocesses = 2" if "worker" in kind else "blocks = 2"
        (folder / "plan.toml").write_text(plan.replace("blocks = 2", workers))
        with running(folder) as popen:
            if _in_load(popen, folder, chance.randint(1, 4), chance):
                match kind:
                    case "a generator is killed":
                        _kill(_children(popen, "harness.generator", "run")[:1])
                    case "a worker of two is killed":
                        _kill(_children(popen, "harness.generator", "work")[:1])
                    case "a generator is starved":
                        _starve(popen)
                    case "PostgreSQL is killed":
                        _kill(_children(popen, "bin/postgres", "-D")[:1])
                    case "Redis is killed":
                        _kill(_children(popen, "redis-server")[:1])
                    case "the service is killed":
                        _kill(_children(popen, "reference_app", "serve")[:1])
                    case _:
                        _kill(_children(popen, "postgres: service")[:1])
            said, _ = popen.communicate(timeout=900)
    said = " ".join(said.split())
    return Trial(kind, popen.returncode, said, any(word in said for word in LIVE[kind]))


def _spoilt(asked: argparse.Namespace) -> list[Trial]:
    with tempfile.TemporaryDirectory(prefix="blind-") as folder:
        record = asked.record or measured(Path(folder))[0]
        status, said = judged(record)
        if status:
            sys.exit(f"the record is not green as it is ({status}), so that spoiling it shows nothing: {said}")
        return list(trials(record, asked.seed, asked.count))


def main() -> None:
    """Run the trials and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="random seed")
    parser.add_argument("--count", type=int, default=500, help="number of damaged records")
    parser.add_argument("--live", type=int, default=0, help="number of runs with a real fault")
    parser.add_argument("--record", type=Path, help="a run folder to spoil copies of, instead of measuring one")
    asked = parser.parse_args()
    done = _spoilt(asked) if asked.count else []
    for number in range(asked.live):
        kind = list(LIVE)[number % len(LIVE)]
        done.append(live(kind, random.Random(f"{asked.seed}:live:{number}")))
        print(f"{kind}: exit {done[-1].status}", flush=True)
    print(table(done))
    for one in done:
        if one.green or not one.named:
            print(f"\n{one.fault}: exit {one.status}\n  ... {one.said[-900:]}")
    green, named = sum(one.green for one in done), sum(one.named for one in done)
    print(f"\n{len(done)} faults: {green} exits with 0, {named} name what broke ({named / len(done):.1%})")
    sys.exit(1 if green or named < NAMED_SHARE * len(done) else 0)


if __name__ == "__main__":
    main()
