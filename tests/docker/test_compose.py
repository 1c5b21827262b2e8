"""A common Compose file, measured before and after; nothing is left in the engine, however the run ends."""

import json
import secrets
import shutil
import signal
from pathlib import Path

import docker
import pytest

from tests.docker.running import CANARY, HERE, left, start, until


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
    assert left(client, run.pid) == []


@pytest.mark.parametrize(
    "how", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.thorough), signal.SIGKILL]
)
def test_an_interrupted_run_leaves_nothing(client: docker.DockerClient, tmp_path: Path, how: signal.Signals) -> None:
    decoy = client.volumes.create(f"decoy-{secrets.token_hex(4)}", labels={"harness": "no"})
    try:
        run = start(tmp_path)
        until(lambda: [name for name in left(client, run.pid) if name.endswith("api-1")] or run.poll() is not None)
        assert run.poll() is None
        run.send_signal(how)
        run.communicate(timeout=60)
        assert run.returncode != 0
        until(lambda: not left(client, run.pid), 30)
        assert client.volumes.get(decoy.name)
    finally:
        decoy.remove()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("postgres:18-bookworm", "registry.invalid/none:1"), "cannot be pulled"),
        (("/app/api.py]", "/app/nothing.py]"), "api ended by itself (status 2)"),
        pytest.param(("generate_series", "generate_serious"), "generate_serious", marks=pytest.mark.thorough),
        (('services = ["api"]', 'services = ["apy"]'), 'did you mean "api"?'),
        pytest.param(
            ('services = ["api"]', 'services = ["api"]\nlimits = { api = { memory = "6M" } }'),
            "memory",
            marks=pytest.mark.thorough,
        ),
        (
            ("pg_isready, -h, 127.0.0.1, -U, postgres], interval: 1s, retries: 30", "/bin/false], interval: 1s"),
            "unhealthy",
        ),
    ],
)
def test_a_failed_start_is_reported_and_leaves_nothing(
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
    assert left(client, run.pid) == []
