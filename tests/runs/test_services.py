"""Two services under one plan, each with its own PostgreSQL and Redis database, all running in every leg."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.environment.local import LocalEnvironment
from harness.errors import EnvironmentFailedError
from harness.plan.file import parse_plan
from harness.record.leg import Leg
from harness.record.run_folder import RunFolder
from tests.doubles import PLAN as EXAMPLE
from tests.runs.project import Measured, Project

SYSTEM = """
import os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import redis

action, name, *rest = sys.argv[1:]
word = name.replace("-", "")  # as SQL takes it without quotes
database = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
if action == "migrate":
    database.execute(f"CREATE TABLE IF NOT EXISTS {word}_items (id int)")
    if rest[0] == "2":
        database.execute(f"CREATE INDEX {word}_ix ON {word}_items (id)")
    sys.exit()
if action == "seed":
    rows = int(Path(name, "rows").read_text())
    database.execute(f"INSERT INTO {word}_items SELECT generate_series(1, {rows})")
    sys.exit()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.send_response(200 if self.path in {"/", f"/{name}"} else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
left, number = cache.keys(), os.environ["REDIS_URL"].rpartition("/")[2]
cache.set(name, "was here")
print(name, os.environ["RELEASE"], database.info.dbname, "redis", number, left, cache.keys(), flush=True)
print(database.execute("SELECT relname FROM pg_class WHERE relname ~ '_items|_ix' ORDER BY 1").fetchall(), flush=True)
ThreadingHTTPServer(("127.0.0.1", int(rest[0])), Handler).serve_forever()
"""
USERS = """
import os
from locust import FastHttpUser, constant, task

PAYMENT = os.environ["HARNESS_URL_PAY_MENT"]


class Visitor(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def read(self):
        self.client.get("/auth")
        self.client.get(PAYMENT + "/pay-ment", name="elsewhere")


class Payer(FastHttpUser):
    host = PAYMENT + "/pay-"
    wait_time = constant(0.02)

    @task
    def pay(self):
        self.client.get("ment", name="/pay-ment")
"""
PLAN = """\
schema = 1
name = "two services"

[environment]
kind = "local"
provides = ["postgres", "redis"]
services = ["auth", "pay-ment"]
migrate = "python system.py migrate '{service}' {revision}"
seed = "python system.py seed {service}"
seed_inputs = ["{service}/rows"]
serve = "python system.py serve {service} {port}"
ready_seconds = 20

[arms.before]
revision = "1"
env = { RELEASE = "old" }
[arms.after]
revision = "2"
env = { RELEASE = "new" }

[load]
users = ["users.py"]
blocks = 1

[[stages]]
kind = "sustain"
seconds = 2
users = 4

[[targets]]
expect = "error_rate < 50 %"
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    """One complete run; its seed is kept for a second one."""
    made = Project(tmp_path_factory.mktemp("system"))
    (made.folder / "system.py").write_text(SYSTEM)
    (made.folder / "users.py").write_text(USERS)
    for service, rows in (("auth", 3), ("pay-ment", 5)):
        (made.folder / service).mkdir()
        (made.folder / service / "rows").write_text(str(rows))
    yield made, made.run(PLAN)
    made.close()


def test_every_service_has_a_database_and_a_cache_of_its_own(system: Measured) -> None:
    project, done = system
    assert done.returncode in {0, 3}, done.stderr  # one block decides little
    logs = {p.name[3:]: p.read_text().splitlines() for p in (project.recorded / "logs").glob("*.serve.log")}
    assert {name: lines[0] for name, lines in logs.items()} == {
        "before-auth.serve.log": "auth old leg-auth redis 0 [] ['auth']",
        "before-pay-ment.serve.log": "pay-ment old leg-pay-ment redis 1 [] ['pay-ment']",
        "after-auth.serve.log": "auth new leg-auth redis 0 [] ['auth']",
        "after-pay-ment.serve.log": "pay-ment new leg-pay-ment redis 1 [] ['pay-ment']",
    }
    assert logs["before-auth.serve.log"][1] == "[('auth_items',)]"
    assert logs["after-pay-ment.serve.log"][1] == "[('payment_items',), ('payment_ix',)]"
    assert project.alive() == []


def test_rows_and_migrations_are_recorded_per_service(system: Measured) -> None:
    project, done = system
    folder = RunFolder.open(project.recorded)
    assert folder.read_setup().row_counts == {"auth.auth_items": 3, "pay-ment.payment_items": 5}
    made = [(m.arm, m.service, m.revision, m.indexes_created) for m in folder.read_migrations()]
    assert made == [
        ("before", "auth", "1", ()),
        ("before", "pay-ment", "1", ()),
        ("after", "auth", "2", ("auth_ix",)),
        ("after", "pay-ment", "2", ("payment_ix",)),
    ]
    assert "migrating pay-ment of after to 2" in done.stderr
    assert "starting 2 services" in done.stderr
    assert "| after | pay-ment | 2 |" in (project.recorded / "summary.md").read_text()


def test_users_reach_the_service_they_choose(system: Measured) -> None:
    project, _ = system
    rows = json.loads((project.recorded / "summary.json").read_text())["rows"]
    pooled = {r["endpoint"]: (r["requests"], r["failures"]) for r in rows if r["block"] is r["stage"] is None}
    assert set(pooled) == {None, "GET /auth", "GET elsewhere", "GET /pay-ment"}
    assert all(requests > 20 and failures == 0 for requests, failures in pooled.values())


def test_startup_times_are_recorded(system: Measured) -> None:
    folder = RunFolder.open(system[0].recorded)
    ready = [trial.ready_seconds for trial in folder.read_trials(folder.read_setup().legs)]
    assert len(ready) == 2
    assert all(seconds and 0.05 < seconds < 20 for seconds in ready)


def test_a_service_that_does_not_start_is_named_while_another_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "serve.py").write_text("import sys, time\nsys.argv[1] == 'b' and sys.exit(3)\ntime.sleep(60)")
    text = EXAMPLE.replace(
        'serve = "serve --port {port}"', 'services = ["a", "b"]\nserve = "python serve.py {service} {port}"'
    )
    with (
        pytest.raises(EnvironmentFailedError, match=r"the b service of before ended by itself \(status 3\)"),
        LocalEnvironment(parse_plan(text), tmp_path, tmp_path / "logs", lambda _: None) as environment,
    ):
        environment.start(Leg(1, 1, "before"))


def serving(project: Project, service: str) -> list[psutil.Process]:
    return [process for process in project.alive() if {"serve", service} <= set(process.cmdline())]


def test_one_service_that_dies_ends_the_run_and_is_named(system: Measured) -> None:
    project, _ = system
    process = project.start("run", "plan.toml", "--plain", "--out", "second")
    project.wait_for(lambda: len(list(project.folder.glob("second/*/logs/01-*.generator.log"))) > 0)
    (victim,) = serving(project, "pay-ment")
    victim.send_signal(signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 5
    assert "the pay-ment service of " in errors
    assert "ended by itself (signal SIGKILL)" in errors
    assert "seeding" not in errors  # both databases are in the kept cluster
    assert project.alive() == []
