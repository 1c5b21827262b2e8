"""The rig: nginx on one core, a load generator on another, and what the generator used."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.environment.servers import free_ports
from harness.record.samples import latency_ms, read_samples

CORES = sorted(os.sched_getaffinity(0))
GENERATOR, SERVER = CORES[0], CORES[-1]
CONNECTIONS = 50
BODY = '{"id": 7, "title": "Article seven", "tags": ["music", "travel", "food"], "score": 42}'
NGINX = """
worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; daemon off; worker_rlimit_nofile 65536;
events {{ worker_connections 30000; }}
http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; client_body_temp_path {folder}/body;
  server {{ listen 127.0.0.1:{port} backlog=8192;
    location / {{ default_type application/json; return 200 '{body}'; }} }} }}
"""
PLAN = """
schema = 1
name = "benchmark"
[environment]
kind = "local"
serve = "true {port}"
[arms.before]
[arms.after]
[load]
users = ["users.py"]
"""
USERS = """
from locust import between, constant, constant_pacing, task
from harness.generator import HttpUser

class Visitor(HttpUser):
    wait_time = {wait}
    @task
    def read(self):
        self.client.get("/content/7", name="/content/{{id}}")
"""


@dataclass(frozen=True, slots=True)
class Leg:
    """What the generator left of a leg, and what it used: CPU seconds and the peak of its memory in MB."""

    windows: Mapping[str, Any]
    samples: pa.Table
    cpu_seconds: float
    peak_mb: float

    def part(self, stage: str) -> NDArray[np.bool_]:
        """Which samples were due in the measured part of a stage."""
        (window,) = (window for window in self.windows["windows"] if window["stage"] == stage)
        due = self.samples["due_ns"].to_numpy() / 1e9
        inside: NDArray[np.bool_] = (due >= window["measured_from"]) & (due < window["end"])
        return inside

    def rps(self, stage: str) -> float:
        """Requests per second of a stage."""
        (window,) = (window for window in self.windows["windows"] if window["stage"] == stage)
        return float(self.part(stage).sum() / (window["end"] - window["measured_from"]))

    def percentiles(self, stage: str, *, service: bool = False) -> tuple[float, float, float]:
        """P50, P95 and P99 of a stage in ms, from when requests were due, or of their ``service`` from sending."""
        values = self.samples["duration_ns"].to_numpy() / 1e6 if service else latency_ms(self.samples)
        p50, p95, p99 = np.percentile(values[self.part(stage)], (50, 95, 99), method="inverted_cdf")
        return float(p50), float(p95), float(p99)

    @property
    def errors(self) -> int:
        """Samples that failed."""
        return len(self.samples) - self.samples["error"].null_count


def needs(*programs: str) -> None:
    """End with advice when a program is missing."""
    if missing := [name for name in programs if shutil.which(name) is None]:
        sys.exit(f"missing: {', '.join(missing)}; on Debian: apt-get install nginx-light wrk hey apache2-utils")


def pinned(core: int, command: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":  # noqa: ANN401 - Popen's own
    """A process on one core."""
    return subprocess.Popen(["taskset", "-c", str(core), *command], **options)


@contextmanager
def nginx() -> Iterator[str]:
    """A server on its own core; its base URL."""
    needs("nginx", "taskset")
    with tempfile.TemporaryDirectory() as folder:
        (port,) = free_ports()
        configuration = Path(folder) / "nginx.conf"
        configuration.write_text(NGINX.format(folder=folder, port=port, body=BODY), encoding="utf-8")
        process = pinned(SERVER, ["nginx", "-p", folder, "-c", str(configuration)], stderr=subprocess.DEVNULL)
        try:
            yield await_answer(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait()


def await_answer(url: str) -> str:
    """The URL, once it answers."""
    for _ in range(100):
        try:
            httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return url
    raise TimeoutError(f"{url} does not answer")


def generate(
    host: str,
    stages: str,
    *,
    wait: str = "constant(0)",
    users: str = USERS,
    load: str = "",
    begun: Callable[[], object] | None = None,
) -> Leg:
    """One leg of a plan with these stages, by the generator on its core; ``begun`` is called when it has begun."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        (base / "users.py").write_text(users.format(wait=wait), encoding="utf-8")
        (base / "plan.toml").write_text(PLAN + load + stages, encoding="utf-8")
        command = [sys.executable, "-m", "harness.generator", "run", str(base / "plan.toml"), "--base", folder]
        command += ["--host", host, "--out", str(base / "leg"), "--seed", "7"]
        with (base / "log").open("wb") as log:
            (base / "leg").mkdir()
            process = pinned(GENERATOR, command, stdout=subprocess.PIPE, stderr=log)
            if process.stdout and process.stdout.readline() and begun is not None:
                begun()
            threading.Thread(target=_drain, args=(process.stdout,), daemon=True).start()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"the generator failed:\n{(base / 'log').read_text()[-2000:]}")
        windows = json.loads((base / "leg" / "windows.json").read_text())
        samples = read_samples(base / "leg" / "samples")
    return Leg(windows, samples, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)


def _drain(lines: Iterable[bytes]) -> None:
    for _ in lines:
        pass


def tell(command: Sequence[str], pattern: str, **environment: str) -> tuple[float, float]:
    """Run a peer on the generator's core.

    Returns:
        The number that ``pattern`` finds in what it prints, in ms where it is a time, and its peak of memory in MB.
    """
    process = pinned(
        GENERATOR,
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
    said = process.stdout.read() if process.stdout else ""
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    found = re.search(pattern, said)
    if found is None:
        sys.exit(f"{command[0]} said no {pattern}:\n{said[-1000:]}")
    number, unit = re.match(r"([\d.]+)(.*)", found[1]).groups()  # type: ignore[union-attr]
    return float(number) * {"s": 1000, "µs": 0.001}.get(unit, 1), used.ru_maxrss / 1000
