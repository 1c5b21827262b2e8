"""Migration under load through the command line, with a service on a real database."""

import json
import signal
from pathlib import Path

import psutil
import pytest

from tests.runs.project import Project

SERVICE = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.database = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)

    def finish(self):
        self.database.close()
        super().finish()

    def do_GET(self):
        query = "UPDATE items SET price = price + 1 WHERE id = 7 RETURNING id"
        ((found,),) = self.database.execute(query).fetchall()
        body = json.dumps({"id": found}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
MIGRATE = '''
import os, sys, psycopg

UNTIL_TWO_WAIT = """
DO $$ BEGIN
    FOR n IN 1 .. 100 LOOP  -- without load nobody will
        EXIT WHEN (SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'items'::regclass) >= 2;
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$
"""
UP = ["LOCK TABLE items IN ACCESS EXCLUSIVE MODE", UNTIL_TWO_WAIT, "SELECT pg_sleep(0.5)",
      "ALTER TABLE items ADD COLUMN colour text"]
WAYS = {
    "1": ["CREATE TABLE IF NOT EXISTS items (id int PRIMARY KEY, price int)",
          "INSERT INTO items VALUES (7, 1) ON CONFLICT DO NOTHING", "ALTER TABLE items DROP COLUMN IF EXISTS colour"],
    "2": UP,
    "endless": ["SELECT pg_sleep(600)"],
}
revision = sys.argv[1]
if revision == "endless" and not os.path.exists("slow"):
    revision = "2"
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    for statement in WAYS[revision]:
        connection.execute(statement)
'''
PLAN = """\
schema = 1
name = "a lock of half a second"

[environment]
kind = "local"
provides = ["postgres"]
migrate = "python migrate.py {revision}"
serve = "python service.py {port}"
ready = "/"

[arms.before]
revision = "1"
[arms.after]
revision = "2"

[load]
users = ["users.py"]
blocks = 1

[[stages]]
kind = "sustain"
seconds = 1
users = 8

[migration]
during = true
at = 4
hold_seconds = 0
pause_seconds = 1

[[targets]]
expect = "migration_stall_ms < 30 s"

[[targets]]
expect = "migration_failures < 1"
"""


@pytest.fixture
def slow(project: Project) -> Project:
    (project.folder / "service.py").write_text(SERVICE)
    (project.folder / "migrate.py").write_text(MIGRATE)
    project.write(PLAN)
    return project


def test_a_planted_lock_is_reported_and_the_rollback_is_compared(slow: Project) -> None:
    done = slow.harness("run", "plan.toml", "--plain")
    assert done.returncode == 0, done.stderr
    record = json.loads((slow.recorded / "rehearsal.json").read_text())
    assert record["failed"] is None
    assert record["rolled_back_as_before"] is True
    up, down = record["losses"]
    assert (up["way"], down["way"]) == ("upgrade", "downgrade")
    assert up["blocked_by"] == "LOCK TABLE items IN ACCESS EXCLUSIVE MODE"
    ran = {one["text"].split()[0]: one for one in record["steps"][0]["statements"]}
    truth = ran["COMMIT"]["begun"] * 1000 + ran["COMMIT"]["ms"] - ran["LOCK"]["begun"] * 1000 - ran["LOCK"]["ms"]
    assert 500 <= up["lock_ms"] <= truth + 2  # two ends, in whole milliseconds
    assert up["stall_ms"] >= 300  # beyond the usual response time, which a busy machine makes longer
    assert up["failures"] == down["failures"] == 0
    assert record["steps"][0]["queue"]["depth"] >= 2
    assert "The longest that a request waited was" in (slow.recorded / "summary.md").read_text()
    again = slow.harness("report", str(slow.recorded))
    assert again.returncode == 0
    assert json.loads((slow.recorded / "rehearsal.json").read_text()) == record


def test_ctrl_c_during_the_migration_leaves_no_process_and_keeps_the_blocks(slow: Project) -> None:
    slow.write(PLAN.replace('revision = "2"', 'revision = "endless"'))
    process = slow.start("run", "plan.toml", "--plain")
    assert process.stderr
    for line in process.stderr:
        if "requests flow" in line:
            (slow.folder / "slow").touch()
        if line.strip() == "migration under load":
            break
    slow.wait_for(lambda: any(_migrates(one) for one in slow.alive()))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode in {130, -signal.SIGINT}
    slow.wait_for(lambda: not slow.alive())
    assert len(list(slow.recorded.glob("trials/*/windows.json"))) == 2
    assert not (slow.recorded / "rehearsal" / "record.json").exists()
    assert slow.harness("report", str(slow.recorded)).returncode == 0


def _migrates(process: psutil.Process) -> bool:
    try:
        return any(Path(word).name == "migrate.py" for word in process.cmdline())
    except psutil.Error:
        return False
