"""Secrets of a plan and a Compose file appear in no process argument, file or output line of the harness."""

import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import docker
import psutil

HERE = Path(__file__).parent
VARIABLES = ("ENV", "BUILD", "URL", "LABEL", "DATABASE", "REDIS", "BEFORE", "AFTER")
FILES = {
    "token.txt": "{}",
    "database.txt": "{}",
    ".env": "DOTENV_TOKEN={}\n",
    "service.env": "SERVICE_TOKEN={}\n",
}


class Arguments(threading.Thread):
    """Collects the command lines of a process and its descendants every 50 ms until it ends."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.top, self.seen = psutil.Process(pid), set[str]()
        self.start()

    def run(self) -> None:
        while self.top.is_running() and self.top.status() != psutil.STATUS_ZOMBIE:
            try:
                for process in [self.top, *self.top.children(recursive=True)]:
                    self.seen.add("\0".join(process.cmdline()))
            except psutil.Error:
                pass
            time.sleep(0.05)


def test_no_secret_is_in_an_argument_a_file_or_a_line(client: docker.DockerClient, tmp_path: Path) -> None:
    shutil.copytree(HERE, tmp_path / "plan", ignore=shutil.ignore_patterns("__pycache__"))
    canaries = {name: f"canary-{name}-{secrets.token_hex(8)}" for name in [*VARIABLES, *FILES, "own"]}
    for name, text in FILES.items():
        (tmp_path / "plan" / "secrets" / name).write_text(text.format(canaries[name]))
    compose = tmp_path / "plan" / "secrets" / "compose.yml"
    compose.write_text(compose.read_text().replace("written-in-the-compose-file", canaries["own"]))
    images = {tag for image in client.images.list("harness-built") for tag in image.tags}
    said_by_the_caller = {f"CANARY_{name}": canaries[name] for name in VARIABLES}
    plan, out = compose.with_name("plan.toml"), tmp_path / "runs"
    with subprocess.Popen(
        [sys.executable, "-m", "harness", "run", str(plan), "--out", str(out), "--plain"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **said_by_the_caller, "HARNESS_CACHE": str(tmp_path / "cache")},
    ) as run:
        arguments = Arguments(run.pid)
        said, _ = run.communicate(timeout=200)
    arguments.join()
    for image in client.images.list("harness-built"):
        for tag in {*image.tags} - images:
            client.images.remove(tag)
    assert run.returncode in {0, 3}, said
    kept = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert any("harness.generator" in line for line in arguments.seen)
    assert any("compose" in line for line in arguments.seen)
    for name, canary in canaries.items():
        assert canary not in said, name
        assert not [line for line in arguments.seen if canary in line], name
        assert not [path for path, content in kept.items() if canary.encode() in content], name
    assert {path.name for path in kept} >= {"statements.parquet", "readings-servers.parquet"}
    assert "unread.json" not in {path.name for path in kept}  # the probes had the passwords of server and cache
    printed = next(
        content for path, content in kept.items() if path.name == "01-before.api.log" or "api.log" in path.name
    )
    assert b"${CANARY_ENV}" in printed  # the service prints its environment; its log has names instead
    assert b"${CANARY_URL}" in printed
