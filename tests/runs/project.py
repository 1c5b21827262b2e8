"""A project folder with a service that starts in a tenth of a second, its users and a plan; and harness run in it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import psutil

from tests.runs.in_process import harness
from tests.runs.unguarded import unguarded

SERVICE = """
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORK = int(os.environ.get("WORK", "0"))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    asked = 0

    def do_GET(self):
        Handler.asked += 1
        sum(range(WORK))
        body = json.dumps({"asked": Handler.asked}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Cache", "hit" if Handler.asked % 4 else "miss")
        self.send_header("Server-Timing", 'app;dur=3, db;dur=1.5;desc="2 queries"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


print("listening", flush=True)
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
USERS = """
from locust import FastHttpUser, constant, task


class Reader(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def read(self):
        self.client.get("/items/7", name="/items/{id}")
"""
PLAN = """\
schema = 1
name = "two releases of a small service"

[environment]
kind = "local"
serve = "python service.py {port}"
ready = "/"
ready_seconds = 5

[arms.before]
env = { WORK = "50000" }
[arms.after]
env = { WORK = "0" }

[load]
users = ["users.py"]
blocks = 2
seed = 1

[[stages]]
kind = "ramp"
seconds = 1
users = 5

[[stages]]
kind = "sustain"
seconds = 2
users = 5

[[targets]]
expect = "queries_per_request <= 2"
"""


class Project:
    """A folder with a plan, in which the harness runs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.guarded = folder, False
        self.out = folder / "runs"
        (folder / "service.py").write_text(SERVICE)
        (folder / "users.py").write_text(USERS)
        self.write(PLAN)
        self.env = {**os.environ, "HARNESS_CACHE": str(folder / "cache"), "MARK": str(folder)}
        self.started: list[subprocess.Popen[str]] = []

    def write(self, plan: str) -> None:
        (self.folder / "plan.toml").write_text(plan)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start the harness as a process; unless ``guarded``, lack of CPU time does not make a run INVALID."""
        program = ["-m", "harness"] if self.guarded else [str(Path(__file__).with_name("unguarded.py"))]
        command = [sys.executable, *program, *arguments]
        process = subprocess.Popen(
            command, cwd=self.folder, env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.started.append(process)
        return process

    def harness(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end in this process; use ``start`` for a process that gets a signal."""
        with nullcontext() if self.guarded else unguarded():
            return harness(*arguments, folder=self.folder, env=self.env)

    def run(self, plan: str | None = None) -> "subprocess.CompletedProcess[str]":
        if plan is not None:
            self.write(plan)
        return self.harness("run", "plan.toml", "--plain")

    @property
    def recorded(self) -> Path:
        (path,) = self.out.iterdir()
        return path

    def alive(self) -> list[psutil.Process]:
        """Running processes that this project started, except the test's own."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("MARK") == str(self.folder)
                if ours and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def wait_for(self, condition: Callable[[], bool], seconds: float = 120.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} s"
            time.sleep(0.05)

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for left in self.alive():
            left.send_signal(signal.SIGKILL)


Measured = tuple[Project, "subprocess.CompletedProcess[str]"]
