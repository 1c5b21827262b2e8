"""A whole run with PostgreSQL and Redis: every statement is counted and shown in the report."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.record.run_folder import RunFolder
from harness.record.statements import normalised
from harness.verdict.result import Result, analyse
from tests.runs.project import Project

SERVICE = """
import os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import psycopg, redis

TIMES = int(os.environ["TIMES"])
CACHE = redis.Redis.from_url(os.environ["REDIS_URL"])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.database = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)

    def do_GET(self):
        if self.path != "/":
            CACHE.get("none")
            for number in range(TIMES):
                self.database.execute("SELECT kind FROM items WHERE id = %s", [number]).fetchall()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def finish(self):
        super().finish()
        self.database.close()

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
SEED = """
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as database:
    database.execute("CREATE TABLE items AS SELECT g AS id, g % 9 AS kind FROM generate_series(1, 1000) g")
"""
PLAN = """\
schema = 1
name = "statements of a small service"

[environment]
kind = "local"
provides = ["postgres", "redis"]
seed = "python seed.py"
serve = "python service.py {port}"

[arms.before]
env = { TIMES = "4" }
[arms.after]
env = { TIMES = "1" }

[load]
users = ["users.py"]
blocks = 2
seed = 1

[[stages]]
kind = "sustain"
seconds = 3
users = 5
warmup_seconds = 1

[[targets]]
expect = "db_statements_per_request < 1.3"
[[targets]]
expect = "slow_statements <= 0"
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    project = Project(tmp_path_factory.mktemp("probes"))
    (project.folder / "service.py").write_text(SERVICE)
    (project.folder / "seed.py").write_text(SEED)
    done = project.run(PLAN)
    assert done.returncode in {0, 3}, done.stdout + done.stderr
    yield project.recorded
    project.close()


@pytest.fixture(scope="module")
def analysis(run: Path) -> Result:
    return analyse(RunFolder.open(run))


def test_statements_per_request_are_those_that_the_service_sends(analysis: Result) -> None:
    for arm, times in (("before", 4), ("after", 1)):
        row = analysis.summary.row(arm, None, None, None)
        assert row is not None
        assert row.value("db_statements_per_request") == pytest.approx(
            times, rel=0.1
        )  # requests at the edges of a stage
        assert row.value("db_blocks_per_request")
        assert row.value("slow_statements") == 0
        assert row.value("trigger_ms_per_request") == 0  # there are none
    assert not [caveat for caveat in analysis.verdict.caveats if caveat.code == "NOT_READ"]
    assert not analysis.verdict.breaches


def test_every_statement_is_known_by_its_text_in_both_arms(analysis: Result) -> None:
    texts = {use.arm: [use.text for use in analysis.summary.statements] for use in analysis.summary.statements}
    assert set(texts) == {"before", "after"}
    assert {use.text for use in analysis.summary.statements} == {normalised("SELECT kind FROM items WHERE id = 1")}
    assert len({use.fingerprint for use in analysis.summary.statements}) == 1


def test_the_record_has_tables_readings_and_costs_and_the_report_shows_them(run: Path, analysis: Result) -> None:
    (leg, *_) = sorted((run / "trials").iterdir())
    objects = json.loads((leg / "objects.json").read_text())
    assert [table["name"] for table in objects["databases"][0]["tables"]] == ["public.items"]
    assert objects["databases"][0]["tables"][0]["seq_scans"] > 0
    sources = {told.source for told in analysis.summary.servers}
    assert sources == {"server:postgres", "server:redis", "server:probes"}
    cost = next(told for told in analysis.summary.servers if told.source == "server:probes")
    assert 0 < cost.levels["probe_cpu_seconds"] < cost.levels["probe_seconds"]
    report = (run / "report.html").read_text()
    assert "SELECT kind FROM items" in report
    assert "keyspace misses/s" in report
    assert "trigger functions" not in report
