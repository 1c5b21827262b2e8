"""A Compose file as anybody has it: measured before and after, and nothing of it left, however the run ends."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from harness.environment.engine import OWNER

HERE = Path(__file__).parent
pytestmark = [pytest.mark.e2e, pytest.mark.docker]


def left(client: docker.DockerClient) -> list[str]:
    """What is labelled as a run's."""
    chosen = {"label": OWNER}
    things = [*client.containers.list(all=True, filters=chosen), *client.networks.list(filters=chosen)]
    return [thing.name for thing in [*things, *client.volumes.list(filters=chosen)]]


def start(folder: Path, change: tuple[str, str] = ("", "")) -> "subprocess.Popen[str]":
    shutil.copytree(HERE, folder / "plan", dirs_exist_ok=True)
    plan, compose = (folder / "plan" / name for name in ("plan.toml", "compose.yml"))
    for path in (plan, compose):
        path.write_text(path.read_text().replace(*change))
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "run", str(plan), "--out", str(folder / "runs"), "--plain"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "CANARY": CANARY, "HARNESS_CACHE": str(folder / "cache")},
    )


CANARY = f"canary-{secrets.token_hex(8)}"


def until(done: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_before_and_after_are_measured_and_nothing_is_left(client: docker.DockerClient, tmp_path: Path) -> None:
    run = start(tmp_path)
    said, _ = run.communicate(timeout=200)
    assert run.returncode in {0, 3}, said
    (folder,) = (tmp_path / "runs").iterdir()
    setup = json.loads((folder / "setup.json").read_text())
    assert setup["row_counts"] == {"items": 5000}
    assert "sha256:" in setup["versions"]["image db"]
    migrations = json.loads((folder / "migrations.json").read_text())["migrations"]
    assert [made["indexes_created"] for made in migrations] == [[], ["items_by_kind"]]
    report = (folder / "report.html").read_text()
    assert "postgres" in report
    assert not [path for path in folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert CANARY not in said
    assert left(client) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_nothing(client: docker.DockerClient, tmp_path: Path, how: signal.Signals) -> None:
    decoy = client.volumes.create(f"decoy-{secrets.token_hex(4)}", labels={"harness": "no"})
    try:
        run = start(tmp_path)
        until(lambda: [name for name in left(client) if name.endswith("api-1")] or run.poll() is not None)
        assert run.poll() is None
        run.send_signal(how)
        run.communicate(timeout=60)
        assert run.returncode != 0
        until(lambda: not left(client), 30)
        assert client.volumes.get(decoy.name)
    finally:
        decoy.remove()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("postgres:18-bookworm", "registry.invalid/none:1"), "cannot be had"),
        (("/app/api.py]", "/app/nothing.py]"), "api ended by itself (status 2)"),
        (("generate_series", "generate_serious"), "generate_serious"),
        (('services = ["api"]', 'services = ["apy"]'), 'did you mean "api"?'),
        (('services = ["api"]', 'services = ["api"]\nlimits = { api = { memory = "6M" } }'), "memory"),
        (("pg_isready", "/bin/false"), "unhealthy"),
    ],
)
def test_what_does_not_come_up_is_said_and_leaves_nothing(
    client: docker.DockerClient, tmp_path: Path, change: tuple[str, str], what: str
) -> None:
    if "serious" in change[1]:
        shutil.copytree(HERE, tmp_path / "plan")
        script = tmp_path / "plan" / "items.sql"
        change, text = ("", ""), script.read_text().replace(*change)
        run = start(tmp_path, change)
        script.write_text(text)
    else:
        run = start(tmp_path, change)
    said, _ = run.communicate(timeout=200)
    assert run.returncode == 5, said
    assert what in said
    assert "Traceback" not in said.partition("last lines of")[0]
    assert left(client) == []
