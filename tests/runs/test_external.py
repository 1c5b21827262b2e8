"""External environments in whole runs: real services and a real database that the harness did not start."""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pyarrow.parquet as pq
import pytest

from harness.environment import external as observed
from harness.environment.processes import ManagedProcesses
from harness.environment.servers import Postgres, free_ports
from harness.errors import EnvironmentFailedError
from harness.record.samples import read_samples
from harness.run.order import balanced_order
from tests.runs.project import Project

CANARY = "c4n4ry"
SERVICE = """
import base64, os, pathlib, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FLAG, LIVES = pathlib.Path(sys.argv[2]), int(sys.argv[3])
WHO = "Basic " + base64.b64encode(b"me:c4n4ry").decode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    asked = 0

    def do_GET(self):
        if self.path != "/ready":
            Handler.asked += 1
            if Handler.asked == LIVES:
                os._exit(7)
        arm = FLAG.read_text() if FLAG.exists() else "before"
        body = arm.encode()
        self.send_response(200 if self.headers["Authorization"] == WHO else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


print("listening", flush=True)
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
SWITCH = """
import os, pathlib, sys
assert os.environ["TOKEN"] == "c4n4ry"
pathlib.Path("switched").open("a").write(" ".join(sys.argv[1:]) + "\\n")
pathlib.Path("flag").write_text(sys.argv[1])
"""
PLAN = """\
schema = 1
name = "a service of somebody else's"

[environment]
kind = "external"
ready = "/ready"
ready_seconds = 2

[arms.before]
url = "${BEFORE_URL}"
[arms.after]
url = "${AFTER_URL}"

[load]
users = ["users.py"]
blocks = 2

[[stages]]
kind = "sustain"
seconds = 1
users = 5

[[targets]]
expect = "error_rate < 20 %"
"""
SWITCHED = """\
switch = "python switch.py {arm} {revision}"
env = { TOKEN = "${TOKEN}" }
"""
RELATIVE = '[[targets]]\nexpect = "p50 rises by at most 9000 %"\n'


@dataclass
class Elsewhere:
    """A project, and services that it did not start."""

    project: Project
    services: list["subprocess.Popen[bytes]"]

    def serve(self, variable: str, flag: str = "flag", lives: int = 0) -> str:
        """Start a service, whose base URL, password included, goes into a variable of the harness."""
        (port,) = free_ports()
        script = self.project.folder / "service.py"
        script.write_text(SERVICE)
        command = [sys.executable, str(script), str(port), str(self.project.folder / flag), str(lives)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.services.append(process)
        assert process.stdout
        assert process.stdout.readline()
        url = f"http://me:{CANARY}@127.0.0.1:{port}/"
        self.project.env[variable] = url
        return url

    def one_with_a_switch(self) -> str:
        """A plan whose arms are at one address."""
        self.project.env["AFTER_URL"] = self.serve("BEFORE_URL")
        self.project.env["TOKEN"] = CANARY
        (self.project.folder / "switch.py").write_text(SWITCH)
        return PLAN.replace("${AFTER_URL}", "${BEFORE_URL}").replace("[arms.before]", SWITCHED + "[arms.before]")

    def switched(self) -> list[str]:
        return (self.project.folder / "switched").read_text().split()


@pytest.fixture
def elsewhere(project: Project) -> Iterator[Elsewhere]:
    made = Elsewhere(project, [])
    yield made
    for process in made.services:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    folder = tmp_path_factory.mktemp("postgres")
    with tempfile.TemporaryDirectory(prefix="harness-") as sockets:
        processes = ManagedProcesses(folder)
        server = Postgres(processes, folder / "data", Path(sockets), folder / "postgres.log", {})
        server.create()
        server.start()
        with server.connect() as connection:
            connection.execute("CREATE DATABASE shop OWNER service")
        with psycopg.connect(server.url("shop")) as connection:
            connection.execute("CREATE TABLE orders AS SELECT i AS id FROM generate_series(1, 1234) i")
            connection.execute("CREATE TABLE days (day date) PARTITION BY RANGE (day)")
            connection.execute("CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')")
            connection.execute("INSERT INTO days VALUES ('2026-02-02')")
        with server.connect("shop") as connection:
            connection.execute("CREATE TABLE secrets AS SELECT 1 AS id")
        yield server
        processes.close()


def everything(folder: Path) -> str:
    """All that a run left, compressed columns included."""
    texts = [
        str(pq.read_table(path, partitioning=None).to_pydict()) if path.suffix == ".parquet" else path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    ]
    assert len(texts) > 10
    return "\n".join([*texts, *map(str, folder.rglob("*"))])


def answered(folder: Path) -> dict[str, set[str]]:
    """The arms that responded in each leg, by body size: a body is the name of the arm."""
    sizes = {len("before"): "before", len("after"): "after"}
    return {
        trial.name: {sizes[int(size or 0)] for size in read_samples(trial / "samples")["size_bytes"].to_pylist()}
        for trial in sorted(folder.glob("trials/*"))
    }


def test_two_addresses_take_turns_and_no_secret_is_written_anywhere(elsewhere: Elsewhere, postgres: Postgres) -> None:
    project = elsewhere.project
    elsewhere.serve("BEFORE_URL", "none")
    elsewhere.serve("AFTER_URL", "flag")
    (project.folder / "flag").write_text("after")
    project.env["DSN"] = postgres.url("shop")
    project.write(PLAN.replace("ready_seconds", 'postgres = "${DSN}"\nready_seconds'))
    process = project.start("run", "plan.toml", "--plain")
    project.wait_for(lambda: any("harness.generator" in line for line in arguments(project)))
    assert not [line for line in arguments(project) if CANARY in line or postgres.password in line]
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    assert "2 interleaved blocks" in stdout
    folder = project.recorded
    titles = [f"{number:02d}-{arm}" for number, arm in enumerate((a for o in balanced_order(2, 7) for a in o), start=1)]
    assert answered(folder) == {title: {title[3:]} for title in titles}
    startup = json.loads((folder / "trials/01-before/startup.json").read_text())
    assert (startup["host"], startup["ready_seconds"]) == ("${BEFORE_URL}", None)
    setup = json.loads((folder / "setup.json").read_text())
    assert setup["row_counts"] == {"days": 1, "orders": 1234}
    assert setup["versions"]["postgresql"].startswith("18.")
    assert setup["settings"]["fsync"] == "on"
    assert "${BEFORE_URL}" in (folder / "report.html").read_text()
    for secret in (CANARY, postgres.password):
        assert secret not in everything(folder) + stdout + stderr


def arguments(project: Project) -> list[str]:
    found = []
    for process in project.alive():
        try:
            found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def test_one_address_is_switched_before_each_leg(elsewhere: Elsewhere) -> None:
    plan = elsewhere.one_with_a_switch().replace("[arms.after]", '[arms.after]\nrevision = "r2"')
    done = elsewhere.project.run(plan.replace("blocks = 2", "blocks = 1"))
    assert done.returncode in {0, 3}, done.stderr  # one block rarely decides
    (order,) = balanced_order(1, 7)
    assert (elsewhere.project.folder / "switched").read_text().splitlines() == [
        f"{arm} {'r2' if arm == 'after' else ''}" for arm in order
    ]
    assert answered(elsewhere.project.recorded) == {f"{n:02d}-{arm}": {arm} for n, arm in enumerate(order, start=1)}
    assert CANARY not in everything(elsewhere.project.recorded) + done.stdout + done.stderr


def test_a_sequential_run_is_named_so_in_every_report_and_decides_no_change(elsewhere: Elsewhere) -> None:
    plan = elsewhere.one_with_a_switch().replace("ready_seconds", "sequential = true\nready_seconds") + RELATIVE
    done = elsewhere.project.run(plan)
    assert done.returncode == 3, done.stdout + done.stderr
    folder = elsewhere.project.recorded
    assert answered(folder) == {
        "01-before": {"before"},
        "02-before": {"before"},
        "03-after": {"after"},
        "04-after": {"after"},
    }
    assert elsewhere.switched() == ["before", "after"]
    assert "2 blocks of before and after, sequential; output" in done.stderr
    setup = json.loads((folder / "setup.json").read_text())
    assert (setup["sequential"], setup["order"]) == (True, [["before", "after"]] * 2)
    checks = {check["expect"]: check for check in json.loads((folder / "verdict.json").read_text())["checks"]}
    assert [checks[name]["outcome"] for name in ("error_rate < 20 %", "p50 rises by at most 9000 %")] == [
        "PASS",
        "INCONCLUSIVE",
    ]
    assert "interleave the arms" in checks["p50 rises by at most 9000 %"]["reason"]
    for text in (done.stdout, *((folder / name).read_text() for name in ("report.html", "summary.md", "junit.xml"))):
        assert "sequential" in text
        assert "interleaved block" not in text
    again = elsewhere.project.harness("check", str(folder))
    assert again.stdout.splitlines() == done.stdout.splitlines()[:-1]


@pytest.mark.thorough
def test_limits_alone_pass_in_a_sequential_run(elsewhere: Elsewhere) -> None:
    plan = elsewhere.one_with_a_switch().replace("ready_seconds", "sequential = true\nready_seconds")
    done = elsewhere.project.run(plan)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "caveat  sequential, unpaired" in done.stdout


def test_an_interrupted_sequential_run_keeps_the_legs_that_have_a_counterpart(elsewhere: Elsewhere) -> None:
    project = elsewhere.project
    project.write(elsewhere.one_with_a_switch().replace("ready_seconds", "sequential = true\nready_seconds"))
    process = project.start("run", "plan.toml", "--plain")
    project.wait_for(lambda: bool(list(project.out.glob("*/logs/04-after.generator.log"))))
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "3 complete legs in" in stderr
    assert project.alive() == []
    done = project.harness("check", str(project.recorded))
    assert done.returncode == 3, done.stdout  # of a run that was to be longer nothing is shown to hold
    assert "the comparison is an A/A test" not in " ".join(done.stdout.split())
    assert "1 sequential, unpaired leg of each arm" in done.stdout
    assert "the run was interrupted" in done.stdout


def test_ctrl_c_ends_a_switch_that_hangs(elsewhere: Elsewhere) -> None:
    project = elsewhere.project
    plan = elsewhere.one_with_a_switch().replace("python switch.py {arm} {revision}", "sleep 1000")
    project.write(plan)
    process = project.start("run", "plan.toml", "--plain")
    project.wait_for(lambda: any(line.startswith("sleep") for line in arguments(project)))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert project.alive() == []


def test_a_service_that_dies_under_load_is_data_and_one_that_stays_away_ends_the_run(elsewhere: Elsewhere) -> None:
    elsewhere.serve("BEFORE_URL")
    elsewhere.serve("AFTER_URL", lives=50)
    plan = PLAN.replace("ready_seconds", "sequential = true\nready_seconds").replace("blocks = 2", "blocks = 1")
    done = elsewhere.project.run(plan)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "one block has no interval" in (elsewhere.project.recorded / "summary.md").read_text()
    done = elsewhere.project.run(plan)
    assert done.returncode == 5
    assert "arms.after.url: ${AFTER_URL}/ready was not ready within 2 s" in done.stderr
    assert "refused" in done.stderr


def _refused(_: Elsewhere) -> str:
    (port,) = free_ports()
    return PLAN.replace('"${AFTER_URL}"', f'"http://127.0.0.1:{port}"')


def _never_ready(elsewhere: Elsewhere) -> str:
    return PLAN.replace("${AFTER_URL}", elsewhere.project.env["AFTER_URL"].replace(f"me:{CANARY}@", ""))


def _unset(_: Elsewhere) -> str:
    return PLAN.replace("${AFTER_URL}", "${NOT_THERE}")


def _wrong_dsn(elsewhere: Elsewhere) -> str:
    (port,) = free_ports()
    elsewhere.project.env["DSN"] = f"postgresql://me:{CANARY}@127.0.0.1:{port}/shop"
    return PLAN.replace("[arms.after]", '[arms.after]\npostgres = "${DSN}"')


def _failing_switch(elsewhere: Elsewhere) -> str:
    plan = elsewhere.one_with_a_switch()
    (elsewhere.project.folder / "switch.py").write_text("raise SystemExit('the cluster does not know you')")
    return plan


def _missing_switch(elsewhere: Elsewhere) -> str:
    return elsewhere.one_with_a_switch().replace("python switch.py", "no-such-program")


def _hanging_switch(elsewhere: Elsewhere) -> str:
    hangs = elsewhere.one_with_a_switch().replace("python switch.py {arm} {revision}", "sleep 1000")
    return hangs.replace("ready_seconds", "command_seconds = 1\nready_seconds")


@pytest.mark.parametrize(
    ("make", "key", "said"),
    [
        (_refused, "arms.after.url: http://127.0.0.1:", "refused"),
        (_never_ready, "arms.after.url: http://127.0.0.1:", "it answers 401"),
        (_unset, "arms.after.url", "NOT_THERE is not set; export NOT_THERE="),
        (_wrong_dsn, "arms.after.postgres", "refused"),
        (_failing_switch, "environment.switch (to ", "the cluster does not know you"),
        (_missing_switch, "environment.switch (to ", "cannot run no-such-program"),
        (_hanging_switch, "environment.switch (to ", "took longer than 1 s: sleep 1000"),
    ],
)
def test_a_broken_environment_is_reported_before_any_load(
    elsewhere: Elsewhere, make: Callable[[Elsewhere], str], key: str, said: str
) -> None:
    for variable in ("BEFORE_URL", "AFTER_URL"):
        elsewhere.serve(variable)
    done = elsewhere.project.run(make(elsewhere))
    assert done.returncode == 5, done.stdout + done.stderr
    assert key in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert not list(elsewhere.project.out.glob("*/trials/*"))
    assert elsewhere.project.alive() == []


def test_a_wrong_password_is_not_printed(postgres: Postgres) -> None:
    dsn = postgres.url("shop").replace(postgres.password, CANARY)
    with pytest.raises(
        EnvironmentFailedError, match=r"environment\.postgres: .*password authentication failed"
    ) as caught:
        observed.read_database(dsn, "environment.postgres")
    assert CANARY not in str(caught.value)


def test_row_counts_of_large_tables_are_estimates(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(postgres.url("shop"), autocommit=True) as connection:
        connection.execute("ANALYZE")
    monkeypatch.setattr(observed, "COUNTED_BYTES", 8192)
    facts = observed.read_database(postgres.url("shop"), "environment.postgres")
    assert facts.row_counts == {"days": 1, "orders (about)": 1234}
    assert facts.settings["database size"].endswith("kB")
