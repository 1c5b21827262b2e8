"""The local environment with real servers and a real migration: reset between legs, cached seeds, cleanup."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
import redis

from harness.environment import seeds
from harness.environment.local import CLOCK_SECONDS, LocalEnvironment
from harness.environment.processes import labelled
from harness.environment.servers import wait_until
from harness.environment.settings import POSTGRES, REDIS
from harness.errors import CommandError, EnvironmentFailedError
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from harness.record.leg import Leg
from harness.record.trial import Migration
from tests.runs.project import Project

ROOT = Path(__file__).parents[2]
PLAN = f"""
schema = 1
name = "small"
[environment]
kind = "local"
provides = ["postgres", "redis"]
seed = "python -m reference_app seed recommendation --scale {{scale}}"
seed_inputs = ["{ROOT}/reference_app/seeds/recommendation.py"]
scale = 0.01
migrate = "python -m reference_app migrate recommendation {{revision}}"
serve = "python -m reference_app serve recommendation --port {{port}}"
ready = "/health/ready"
[arms.before]
revision = "0001"
env = {{ REFERENCE_RELEASE = "baseline" }}
[arms.after]
revision = "head"
env = {{ REFERENCE_RELEASE = "optimized" }}
[load]
users = ["users.py"]
blocks = 1
[[stages]]
kind = "sustain"
seconds = 3
users = 5
[[targets]]
expect = "queries_per_request <= 1"
"""
USERS = """
from locust import FastHttpUser, constant, task


class Reader(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def read(self):
        self.client.get("/recommendations/1", name="/recommendations/{user_id}")
"""


def with_inputs_of_plan(folder: Path) -> str:
    """The plan with its seed input copied beside it: globs are relative."""
    source = ROOT / "reference_app" / "seeds" / "recommendation.py"
    (folder / "seed.py").write_bytes(source.read_bytes())
    return PLAN.replace(str(source), "seed.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("environment")
    before = os.environ.get("HARNESS_CACHE")
    os.environ["HARNESS_CACHE"] = str(path / "cache")
    yield path
    os.environ.pop("HARNESS_CACHE")
    if before:
        os.environ["HARNESS_CACHE"] = before


@pytest.fixture(scope="module")
def plan(folder: Path) -> Plan:
    return parse_plan(with_inputs_of_plan(folder))


Up = tuple[LocalEnvironment, list[Migration]]


@pytest.fixture(scope="module")
def up(plan: Plan, folder: Path) -> Iterator[Up]:
    said: list[str] = []
    with LocalEnvironment(plan, folder, folder / "logs", said.append) as environment:
        migrations = environment.prepare()
        assert "seeding the database (kept for later runs)" in said
        servers = [s.process for s in (environment.postgres, environment.redis) if s.process]
        assert len(servers) == 2
        yield environment, migrations
    assert environment.label not in {label for _, label in labelled()}
    assert not any(psutil.pid_exists(server.pid) for server in servers)
    assert not environment.scratch.exists()
    assert not environment.sockets.exists()


def test_only_the_after_arm_is_migrated(up: Up) -> None:
    environment, (before, after) = up
    assert (before.revision, before.indexes_created) == ("0001", ())
    assert after.revision == "head"
    assert len(after.indexes_created) >= 4
    assert after.seconds > 0
    assert (after.size_after_bytes or 0) > (after.size_before_bytes or 0)
    assert environment.row_counts["contents"] == 100
    assert "alembic_version" not in environment.row_counts


def test_writes_of_a_leg_are_reset_before_the_next(up: Up) -> None:
    environment, _ = up
    content = {"creator_id": 1, "title": "new", "body": "text", "tags": ["music-live"]}
    url = environment.start(Leg(1, 1, "after")).host
    created = httpx.post(f"{url}/content", json=content)
    assert created.status_code == 201
    path = f"/content/{created.json()['id']}"
    assert httpx.get(url + path).status_code == 200
    environment.check()
    environment.stop()
    url = environment.start(Leg(3, 2, "after")).host
    assert httpx.get(url + path).status_code == 404
    environment.stop()


def test_services_reach_the_database_with_a_password_only(up: Up) -> None:
    environment, _ = up
    url = environment.postgres.url("before_migrated")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM contents").fetchone() == (100,)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url.replace(environment.postgres.password, "wrong"))


def test_arms_of_one_revision_share_a_migrated_database(folder: Path) -> None:
    steps = '{ name = "indexes", revision = "head" }, { name = "code", env = { REFERENCE_RELEASE = "optimized" } }'
    chain = parse_plan(f"{with_inputs_of_plan(folder)}\n[attribution]\nsteps = [{steps}]")
    said: list[str] = []
    with LocalEnvironment(chain, folder, folder / "logs-chain", said.append) as environment:
        before, indexes, after = environment.prepare()
        assert [text for text in said if "migrating" in text] == [
            "migrating before to 0001",
            "migrating indexes to head",
        ]
        assert (before.arm, before.indexes_created) == ("before", ())
        assert len(indexes.indexes_created) >= 4
        assert after == replace(indexes, arm="after")
        environment.start(Leg(1, 1, "indexes"))
        environment.stop()
        names = {name for (name,) in environment.postgres.fetch("SELECT datname FROM pg_database")}
        assert {"seed", "before_migrated", "indexes_migrated", "leg"} == names - {"postgres", "template0", "template1"}
        assert environment.postgres.fetch("SELECT version_num FROM alembic_version", "leg") != [("0001",)]


def test_versions_and_settings_are_recorded(up: Up) -> None:
    environment, _ = up
    assert environment.versions()["postgresql"].startswith("18.")
    assert environment.settings()["shared_preload_libraries"] == "pg_stat_statements, auto_explain"
    found = environment.settings()
    assert (found["fsync"], found["random_page_cost"], found["maxmemory-policy"]) == ("on", "1.1", "noeviction")
    assert {*POSTGRES, *REDIS} <= {*found}


def test_a_server_that_dies_is_noticed_with_its_log(plan: Plan, folder: Path) -> None:
    with LocalEnvironment(plan, folder, folder / "logs-dies", lambda _: None) as environment:
        environment.prepare()
        environment.start(Leg(1, 1, "before"))
        assert environment.postgres.process is not None
        os.kill(environment.postgres.process.pid, signal.SIGQUIT)
        psutil.wait_procs([psutil.Process(environment.postgres.process.pid)], timeout=10)
        with pytest.raises(EnvironmentFailedError, match="postgres ended by itself") as caught:
            environment.check()
        assert "last lines of" in caught.value.__notes__[0]


def test_a_cached_seed_is_used_again_and_an_edited_input_makes_a_new_one(plan: Plan, folder: Path, up: Up) -> None:
    first, _ = up
    said: list[str] = []
    with LocalEnvironment(plan, folder, folder / "logs-again", said.append) as again:
        again.prepare()
        assert again.seed_fingerprint == first.seed_fingerprint
        assert again.row_counts == first.row_counts
        assert not [text for text in said if "seeding" in text]
    (folder / "seed.py").write_text("# edited\n" + (folder / "seed.py").read_text())
    assert seeds.seed_fingerprint(plan, folder, {}) != first.seed_fingerprint


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("migrate recommendation {revision}", "migrate recommendation 9999", "migrate-seed failed"),
        ("seed recommendation", "seed frobnication", "seed failed"),
        ("python -m reference_app seed", "no-such-program", "cannot run no-such-program"),
        ('cwd = "."', 'cwd = "nowhere"', "no folder"),
    ],
)
def test_a_failing_command_shows_its_log(folder: Path, old: str, new: str, said: str) -> None:
    text = PLAN.replace('seed_inputs = ["', 'cwd = "."\nseed_inputs = ["').replace(old, new)
    text = "\n".join(line for line in text.splitlines() if not line.startswith("seed_inputs"))
    with (
        pytest.raises(EnvironmentFailedError, match=said) as caught,
        LocalEnvironment(parse_plan(text), folder, folder / "logs-fails", lambda _: None) as environment,
    ):
        environment.prepare()
    if isinstance(caught.value, CommandError):
        assert "last lines of" in caught.value.__notes__[0]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path)
    made.write(with_inputs_of_plan(tmp_path))
    (tmp_path / "users.py").write_text(USERS)
    yield made
    made.close()


def test_kill_9_leaves_no_server_either(project: Project) -> None:
    process = project.start("run", "plan.toml", "--plain")
    project.wait_for(lambda: len(list(project.out.glob("*/trials/01-*"))) > 0)
    names = {p.name() for p in project.alive()} | {
        p.name() for p in psutil.Process(process.pid).children(recursive=True)
    }
    assert "postgres" in names
    assert "redis-server" in names
    postmaster = next(p for p in project.alive() if p.name() == "postgres")
    family = [postmaster, *postmaster.children(recursive=True)]
    process.kill()
    process.communicate()
    project.wait_for(lambda: project.alive() == [] and not any(p.is_running() for p in family))
    assert list((project.folder / "cache" / "scratch").iterdir()) == []


def test_a_leg_begins_with_an_empty_cache_and_known_statistics(up: Up) -> None:
    environment, _ = up
    with redis.Redis.from_url(environment.redis.url()) as client:
        client.set("left", "over")
        environment.start(Leg(5, 3, "before"))
        environment.stop()
        assert client.get("left") is None
    rows = environment.postgres.fetch("SELECT reltuples FROM pg_class WHERE relname = 'contents'", "leg")
    assert rows == [(100.0,)]


def test_a_database_restart_under_load_is_recorded_although_its_process_lives_on(up: Up) -> None:
    """PostgreSQL ends all backends and begins anew when one of them crashes."""
    environment, _ = up
    environment.start(Leg(5, 3, "after"))
    assert environment.stop() == []
    environment.start(Leg(7, 4, "after"))
    with environment.postgres.connect() as connection:
        deadline = time.monotonic() + 2 * CLOCK_SECONDS
        while time.monotonic() < deadline:  # a start within this time of the leg counts as its own
            connection.execute("SELECT pg_sleep(0.1)")
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert environment.postgres.process is not None
    wait_until(lambda: answers(environment), environment.postgres.process, 30, "a query")
    environment.check()
    (found,) = environment.stop()
    assert (found.leg, found.service, found.what, found.restarted) == ("07-after", "postgres", "restarted", True)
    assert found.second > CLOCK_SECONDS


def answers(environment: LocalEnvironment) -> bool:
    try:
        return environment.postgres.started_at() > 0
    except psycopg.Error:
        return False
