"""A whole run whose migration creates useful and useless indexes: query plans, index findings, ablation."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runs.project import Project

SERVICE = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import psycopg


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.database = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)

    def answer(self, rows):
        body = json.dumps(rows).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        asked = "SELECT id FROM items WHERE kind = %s ORDER BY id LIMIT 6"
        found = [] if self.path == "/" else self.database.execute(asked, [int(self.path.split("/")[-1])]).fetchall()
        for (item,) in found if "ONE_BY_ONE" in os.environ else ():
            self.database.execute("SELECT name FROM items WHERE id = %s", [item]).fetchall()
        self.answer(found)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.database.execute("INSERT INTO items (kind, name) VALUES (%s, %s)", [7, "new"])
        self.answer([])

    def finish(self):
        super().finish()
        self.database.close()

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
USERS = """
from locust import FastHttpUser, constant, task


class Reader(FastHttpUser):
    wait_time = constant(0.02)
    asked = 0

    @task
    def ask(self):
        self.asked += 1
        if self.asked % 5 == 0:
            self.client.post("/items", name="/items")
        else:
            self.client.get(f"/kinds/{self.asked % 50}", name="/kinds/{kind}")
"""
SEED = """
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as database:
    database.execute("CREATE TABLE items (id serial PRIMARY KEY, kind int, name text)")
    database.execute("INSERT INTO items (kind, name) SELECT g % 500, 'n' || g % 100 FROM generate_series(1, 20000) g")
"""
MIGRATE = """
import os, sys, psycopg
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as database:
    if sys.argv[1] == "2":
        database.execute("CREATE INDEX by_kind ON items (kind, id)")
        database.execute("CREATE INDEX by_kind_too ON items (kind, id)")
        database.execute("CREATE INDEX of_kind ON items (kind)")
        database.execute("CREATE INDEX by_name ON items (name)")
        try:
            database.execute("CREATE UNIQUE INDEX CONCURRENTLY one_name ON items (name)")
        except psycopg.errors.UniqueViolation:
            pass
"""
PLAN = """\
schema = 1
name = "indexes of a small service"

[environment]
kind = "local"
provides = ["postgres"]
seed = "python seed.py"
migrate = "python migrate.py {revision}"
serve = "python service.py {port}"

[arms.before]
revision = "1"
env = { ONE_BY_ONE = "yes" }
[arms.after]
revision = "2"

[answers]
requests = 25

[load]
users = ["users.py"]
blocks = 1
seed = 1

[[stages]]
kind = "sustain"
seconds = 2
users = 3

[[targets]]
expect = "p95 < 10 s"
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    project = Project(tmp_path_factory.mktemp("databases"))
    for name, text in {"service": SERVICE, "users": USERS, "seed": SEED, "migrate": MIGRATE}.items():
        (project.folder / f"{name}.py").write_text(text)
    project.write(PLAN)
    done = project.harness("run", "plan.toml", "--plain", "--ablate")
    assert done.returncode in {0, 3}, done.stdout + done.stderr
    yield project.recorded
    project.close()


@pytest.fixture(scope="module")
def indexes(run: Path) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in json.loads((run / "indexes.json").read_text())["indexes"]}


def test_each_useless_index_is_found(run: Path, indexes: dict[str, dict[str, Any]]) -> None:
    found = {name: [flaw["finding"] for flaw in one["findings"]] for name, one in indexes.items()}
    assert found == {
        "by_kind": [],
        "by_kind_too": ["duplicate"],
        "of_kind": ["prefix"],
        "by_name": ["unused"],
        "one_name": ["INVALID"],
        "items_pkey": [],
    }
    assert all(one["build_seconds"] > 0 for name, one in indexes.items() if name not in {"one_name", "items_pkey"})
    assert sum(indexes[name]["scans"] for name in ("by_kind", "by_kind_too", "of_kind")) > 40
    caveats = {one["kind"] for one in json.loads((run / "verdict.json").read_text())["caveats"]}
    assert {"index_invalid", "index_duplicate"} <= caveats
    assert "one\\_name is INVALID" in (run / "summary.md").read_text()


def test_the_write_cost_of_an_index_is_measured(indexes: dict[str, dict[str, Any]]) -> None:
    (write,) = [one for one in indexes["by_name"]["without"] if one["endpoint"] == "POST /items"]
    assert 30 < write["wal_bytes_with"] - write["wal_bytes_without"] < 200
    (read,) = [one for one in indexes["by_name"]["without"] if one["endpoint"] == "GET /kinds/{kind}"]
    assert read["pages_with"] == pytest.approx(read["pages_without"], rel=0.05)
    assert indexes["items_pkey"]["without"] is None


def test_query_plans_are_described_in_words(run: Path) -> None:
    plans = json.loads((run / "plans.json").read_text())
    assert not plans["missing"]
    (read,) = [one for one in plans["statements"] if "ORDER BY" in one["statement"]]
    assert read["endpoints"] == ["GET /kinds/{kind}"]
    assert not read["estimated"]
    assert read["words"].startswith(("Seq Scan", "Index Scan of items using items_pkey"))
    assert "kind" in {one["index"].split("_")[1] for one in read["after"]["tables"]}
    assert read["before"]["rows_examined"] > 10 * read["after"]["rows_examined"]
    report = (run / "report.html").read_text()
    assert "Query plans" in report
    assert "The migration created 5 indexes" in report


def test_the_cost_per_request_is_measured_in_both_arms_and_on_the_migrated_database(run: Path) -> None:
    evidence = json.loads((run / "evidence.json").read_text())
    read = {one["arm"]: one["of_no_hit"] for one in evidence["request_costs"] if one["endpoint"] == "GET /kinds/{kind}"}
    assert {arm: cost["calls"] for arm, cost in read.items()} == {"before": 7, "migrated": 7, "after": 1}
    assert read["before"]["hit"] > read["migrated"]["hit"] + 10 > read["after"]["hit"] + 20
    assert [(one["arm"], one["slope"]) for one in evidence["repeated"]] == [("before", 1), ("migrated", 1)]
    write = {
        one["arm"]: one["of_no_hit"]["wal"] for one in evidence["request_costs"] if one["endpoint"] == "POST /items"
    }
    assert write["after"] > write["before"] > 0


def test_the_report_shows_cost_per_request_and_bottlenecks(run: Path) -> None:
    report, summary = (run / "report.html").read_text(), (run / "summary.md").read_text()
    assert "N+1 before: “SELECT name FROM items WHERE id = $1” runs 6 times per request" in report
    assert "Fix first: indexes" in report
    assert "DROP INDEX CONCURRENTLY one_name" in report
    assert "**Bottlenecks**: Fix first: indexes" in summary
