"""``harness run`` as a user sees it: exit codes, messages, files, and no process left."""

import json
import shutil
import signal
import time
from hashlib import sha256
from pathlib import Path

import duckdb
import pytest

from harness.cli import main as cli
from harness.plan.file import fingerprint
from tests.runs.project import Measured, Project
from tests.trials.spoilt import edit, seal_again

FILES = ("report.html", "summary.md", "junit.xml", "summary.json", "comparison.json", "verdict.json")


@pytest.fixture
def plan(project: Project) -> str:
    return (project.folder / "plan.toml").read_text()


def digests(folder: Path) -> dict[str, str]:
    return {name: sha256((folder / name).read_bytes()).hexdigest() for name in FILES}


class TestACompleteRun:
    def test_it_passes(self, measured: Measured) -> None:
        project, done = measured
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("PASS  1 of 1 target met")
        assert f"report  runs/{project.recorded.name}/report.html" in done.stdout
        assert "block 1 of 2 · " in done.stderr

    def test_it_leaves_every_file_and_no_process(self, measured: Measured) -> None:
        project, _ = measured
        assert {*FILES, "plan.toml", "setup.json", "migrations.json"} <= {p.name for p in project.recorded.iterdir()}
        assert project.alive() == []
        assert list((project.folder / "cache" / "scratch").iterdir()) == []

    def test_a_report_is_the_same_bytes_again(self, measured: Measured) -> None:
        project, _ = measured
        before = digests(project.recorded)
        (project.recorded / "report.html").unlink()
        assert project.harness("report", str(project.recorded)).returncode == 0
        assert digests(project.recorded) == before

    def test_check_gives_the_verdict_alone(self, measured: Measured) -> None:
        project, run = measured
        done = project.harness("check", str(project.recorded))
        assert done.returncode == 0
        assert done.stdout.splitlines() == run.stdout.splitlines()[:-1]

    def test_a_run_compares_with_itself_as_unchanged(self, measured: Measured) -> None:
        project, _ = measured
        done = project.harness("compare", str(project.recorded), str(project.recorded))
        assert done.returncode == 0, done.stderr
        assert "all requests (after)" in done.stdout
        assert "Sequential and unpaired" in done.stdout

    def test_summary_json_equals_the_samples(self, measured: Measured) -> None:
        """Every percentile of every row, recomputed by DuckDB from the Parquet parts alone."""
        project, _ = measured
        rows = json.loads((project.recorded / "summary.json").read_text())["rows"]
        legs = [
            (path, json.loads((path / "windows.json").read_text()))
            for path in sorted(project.recorded.glob("trials/*"))
        ]
        assert len(legs) == 4
        query = """
            SELECT ms FROM (
                SELECT row_number() OVER (ORDER BY ms) AS rank, count(*) OVER () AS n, ms FROM (
                    SELECT (sent_ns - due_ns + duration_ns) / 1e6 AS ms FROM read_parquet($parts)
                    WHERE error IS NULL AND due_ns >= 1e9 AND due_ns < 3e9 AND endpoint = 'GET /items/{id}'
                )
            ) WHERE rank = ($permille * n + 999) // 1000
        """
        checked = 0
        for row in rows:
            if row["stage"] != "sustain" or row["endpoint"] is None:
                continue
            of_arm = [path for path, _ in legs if path.name.endswith(row["arm"])]
            paths = of_arm if row["block"] is None else [of_arm[row["block"] - 1]]
            for name, permille in (("p50_ms", 500), ("p95_ms", 950), ("p99_ms", 990)):
                parameters = {"parts": [str(p / "samples" / "*.parquet") for p in paths], "permille": permille}
                with duckdb.connect() as connection:
                    assert connection.execute(query, parameters).fetchall() == [(row[name],)]
                    checked += 1
        assert checked == 3 * 2 * 3

    def test_response_headers_are_recorded_as_the_service_counted(self, measured: Measured) -> None:
        project, _ = measured
        rows = json.loads((project.recorded / "summary.json").read_text())["rows"]
        (row,) = [r for r in rows if (r["arm"], r["block"], r["stage"], r["endpoint"]) == ("after", None, None, None)]
        assert row["queries_per_request"] == 2
        assert row["db_ms_per_request"] == 1.5
        assert row["cache_hit_rate"] == pytest.approx(0.75, abs=0.02)
        assert row["error_rate"] == 0
        assert row["requests"] > 200


@pytest.mark.parametrize(
    ("old", "new", "status", "said"),
    [
        ("queries_per_request <= 2", "p95 < 0.00000001 ms", 1, "FAIL"),  # beyond any interval, however busy the machine
        (
            '"queries_per_request <= 2"',
            '"p95 < 10 s"\nendpoint = "GET /no"',
            2,
            'no user file requests "GET /no"; they request GET',
        ),
        (
            "[[targets]]",
            '[tags]\nsome = ["GET /items/{id}", "GET /no"]\n[[targets]]',
            2,
            'tags.some[1]: no user file requests "GET /no"',
        ),
        ("seconds = 2", "secnds = 2", 2, 'stages[1].secnds: unknown key; did you mean "seconds"?'),
        ('"users.py"', '"user.py"', 2, "load.users[0]: no file"),
        ("python service.py", "python broken.py", 5, "out of coffee"),
        ("python service.py", "no-such-program", 5, "cannot run no-such-program"),
    ],
)
def test_exit_codes(project: Project, plan: str, old: str, new: str, status: int, said: str) -> None:
    assert old in plan
    (project.folder / "broken.py").write_text("raise SystemExit('out of coffee')")
    changed = plan.replace(old, new, 1)
    done = project.run(changed.replace("seconds = 2", "seconds = 1"))
    assert done.returncode == status, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert project.alive() == []


def test_a_service_that_never_gets_ready_ends_within_its_limit_and_shows_its_log(project: Project, plan: str) -> None:
    serve = "python -c 'import time; print(\\\"waiting for Godot\\\", flush=True); time.sleep(99)'"
    started = time.monotonic()
    done = project.run(plan.replace("python service.py", serve).replace("ready_seconds = 5", "ready_seconds = 2"))
    assert done.returncode == 5
    assert time.monotonic() - started < 90  # the service would sleep for 99 s
    assert "was not ready within 2 s" in done.stderr
    assert "waiting for Godot" in done.stderr
    assert project.alive() == []


def test_a_service_that_dies_under_load_is_an_environment_failure(project: Project, plan: str) -> None:
    service = project.folder / "service.py"
    service.write_text(
        service.read_text().replace(
            "Handler.asked += 1", "Handler.asked += 1\n        Handler.asked > 50 and os._exit(7)"
        )
    )
    done = project.run(plan)
    assert done.returncode == 5
    assert "ended by itself (status 7)" in done.stderr


def test_a_profile_scales_the_run_and_is_applied_again_to_its_record(project: Project, plan: str) -> None:
    users = project.folder / "users.py"
    users.write_text(users.read_text() + "\nimport os\nprint('load of', os.environ['HARNESS_SECONDS'])\n")
    project.write(plan + "[profiles.quick]\ntime = 0.5\nleast_seconds = 1\nblocks = 1\n")
    done = project.harness("run", "plan.toml", "--plain", "--profile", "quick")
    assert done.returncode in {0, 3}, done.stderr  # one block decides nothing
    assert "1 blocks of before and after, profile quick" in done.stderr
    assert "profile quick, 1 block, " in done.stdout
    (windows, *_) = (json.loads(path.read_text())["windows"] for path in project.recorded.glob("trials/*/windows.json"))
    assert [(window["start"], window["end"]) for window in windows] == [(0, 1), (1, 2)]
    logs = [path.read_text() for path in project.recorded.glob("logs/*.generator.log")]
    assert ["load of 2\n" in log for log in logs] == [True, True]
    assert project.harness("check", str(project.recorded)).stdout.splitlines() == done.stdout.splitlines()[:-1]


def test_a_load_without_requests_is_invalid_not_pass(project: Project, plan: str) -> None:
    users = project.folder / "users.py"
    users.write_text(users.read_text().replace('self.client.get("/items/7", name="/items/{id}")', "pass"))
    project.write(plan.replace("queries_per_request <= 2", "error_rate < 1 %"))
    done = project.harness("run", "plan.toml", "--blocks", "1")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "INVALID" in done.stdout
    assert "no request" in done.stdout


def test_samples_that_got_lost_are_a_broken_measurement(project: Project) -> None:
    """Locust swallows what a listener raises; only the cross-check of counts notices."""
    users = project.folder / "users.py"
    event = 'request_type="X", name="x", response_time=1, response_length=0, response=R'
    lost = f"self.environment.events.request.fire({event})"
    users.write_text(
        users.read_text().replace("self.client.get", lost + "\n        self.client.get")
        + "\nclass R:\n    status_code = 200\n    headers = 5\n"
    )
    done = project.harness("run", "plan.toml", "--blocks", "1", "--plain")
    assert done.returncode == 4
    assert "samples were lost" in done.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("def (", "SyntaxError"),
        ("raise RuntimeError('not today')", "not today"),
        ("x = 1", "no Locust User class"),
    ],
)
def test_broken_user_files_are_refused_before_anything_starts(
    project: Project, plan: str, content: str, said: str
) -> None:
    (project.folder / "users.py").write_text(content)
    done = project.run(plan)
    assert done.returncode == 2
    assert said in done.stderr
    assert not project.out.exists()


def wait_until_leg(project: Project, number: int) -> None:
    project.wait_for(lambda: len(list(project.out.glob(f"*/trials/{number:02d}-*"))) > 0)


def scratch_of(project: Project) -> list[Path]:
    """The folders that the running harness will have to remove."""
    (owner,) = (project.folder / "cache" / "scratch").glob("*/owner")
    return [Path(line) for line in owner.read_text().splitlines()[1:]]


@pytest.mark.parametrize(
    "moment", ["while loading", pytest.param("first leg", marks=pytest.mark.thorough), "third leg"]
)
def test_ctrl_c_ends_everything_and_keeps_complete_legs(project: Project, moment: str) -> None:
    project.guarded = True  # the program itself, which handles Ctrl-C even while its modules load
    process = project.start("run", "plan.toml", "--plain")
    if moment == "while loading":
        time.sleep(0.4)
    else:
        wait_until_leg(project, 1 if moment == "first leg" else 3)
    time.sleep(0.3)
    pressed = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - pressed < 30  # seconds on an idle machine
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert project.alive() == []
    if moment == "third leg":
        assert "harness report" in errors
        assert project.harness("report", str(project.recorded)).returncode == 0
        assert "interrupted" in (project.recorded / "summary.md").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.thorough)])
def test_sigterm_and_sighup_end_everything(project: Project, number: signal.Signals) -> None:
    process = project.start("run", "plan.toml", "--plain")
    wait_until_leg(project, 1)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert project.alive() == []


def test_kill_9_leaves_nothing(project: Project) -> None:
    process = project.start("run", "plan.toml", "--plain")
    wait_until_leg(project, 1)
    time.sleep(0.5)
    assert len(project.alive()) >= 3  # harness, service, generator, watchdog
    process.kill()
    process.communicate()
    project.wait_for(lambda: project.alive() == [])
    assert list((project.folder / "cache" / "scratch").iterdir()) == []


def test_a_run_without_its_watchdog_ends_while_it_can_still_clean_up(project: Project) -> None:
    process = project.start("run", "plan.toml", "--plain")
    wait_until_leg(project, 1)
    folders = scratch_of(project)
    (watchdog,) = [p for p in project.alive() if "watchdog" in " ".join(p.cmdline())]
    watchdog.kill()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 5
    assert "the watchdog ended by itself (signal SIGKILL)" in errors
    assert project.alive() == []
    assert not [folder for folder in folders if folder.exists()]


def test_gc_ends_a_run_whose_watchdog_was_killed(project: Project) -> None:
    process = project.start("run", "plan.toml", "--plain")
    wait_until_leg(project, 1)
    (watchdog,) = [p for p in project.alive() if "watchdog" in " ".join(p.cmdline())]
    watchdog.kill()
    process.kill()
    process.communicate()
    assert project.alive() != []
    folders = scratch_of(project)
    assert [folder for folder in folders if folder.is_dir()] == folders
    done = project.harness("gc")
    assert done.returncode == 0, done.stderr
    assert "ended run" in done.stdout
    project.wait_for(lambda: project.alive() == [])
    assert not [folder for folder in folders if folder.exists()]


def test_an_out_that_cannot_be_written_fails_in_the_first_seconds(project: Project) -> None:
    (project.folder / "file").write_text("")
    done = project.harness("run", "plan.toml", "--out", "file")
    assert done.returncode == 2
    assert "choose another --out" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--help",), 0, "harness run scenarios/demo.toml"),
        (("--version",), 0, "harness"),
        (("run", "--help"), 0, "Exit codes"),
        (("run", "--help"), 0, "--no-attribution"),
        (("run",), 2, "Missing argument"),
        (("run", "nowhere.toml"), 2, "no such file"),
        (("report", "."), 2, "not a run folder"),
        (("check", "nowhere"), 2, "no such folder"),
        (("rnu",), 2, 'no command "rnu"; did you mean "run"?'),
        (("run", "plan.toml", "--blocks", "0"), 2, "--blocks"),
        (("run", "--help"), 0, "--profile quick"),
        (("run", "plan.toml", "--profile", "quick"), 2, "profiles.quick: no such profile; the plan has none"),
    ],
)
def test_usage(
    project: Project,
    arguments: tuple[str, ...],
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr("sys.argv", ["harness", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == status
    told = "".join(capsys.readouterr())
    assert said in told
    assert "Traceback" not in told


def test_doctor(project: Project) -> None:
    done = project.harness("doctor")
    assert done.returncode == 0, done.stdout
    assert "postgres (PostgreSQL) 18" in done.stdout


def copied(measured: Measured, to: Path, name: str, old: str, new: str) -> str:
    """A copy of the recorded run in which one file says something else."""
    project, _ = measured
    shutil.copytree(project.recorded, to)
    text = (to / name).read_text()
    assert old in text
    (to / name).write_text(text.replace(old, new))
    return str(to)


def test_check_exits_with_the_verdict(measured: Measured, tmp_path: Path) -> None:
    failing = copied(measured, tmp_path / "failing", "plan.toml", "queries_per_request <= 2", "p95 < 0.00000001 ms")
    edited = measured[0].harness("check", failing)
    assert edited.returncode == 4
    assert "plan.toml was edited after the run" in " ".join(edited.stdout.split())
    run_with(Path(failing))
    done = measured[0].harness("check", failing)
    assert done.returncode == 1
    assert done.stdout.startswith("FAIL")


def run_with(run: Path) -> None:
    """Say that a run was made with the plan that is in its folder now."""
    now = fingerprint((run / "plan.toml").read_text())
    edit(run / "setup.json", lambda setup: setup | {"plan_fingerprint": now})
    seal_again(run)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("setup.json", '"cores": ', '"cores": 1', "host cores: "),
        ("plan.toml", "seconds = 2", "seconds = 3", "stages: the plans load differently"),
    ],
)
def test_runs_that_differ_are_compared_by_force_only(
    measured: Measured, tmp_path: Path, name: str, old: str, new: str, said: str
) -> None:
    project, _ = measured
    other = copied(measured, tmp_path / "other", name, old, new)
    refused = project.harness("compare", str(project.recorded), other)
    assert refused.returncode == 2
    assert said in refused.stderr
    assert refused.stdout == ""
    forced = project.harness("compare", str(project.recorded), other, "--force")
    assert forced.returncode == 0
    assert f"differs  {said}" in forced.stdout


def test_either_arm_of_two_runs_can_be_compared(measured: Measured) -> None:
    project, _ = measured
    path = str(project.recorded)
    texts = [project.harness("compare", path, path, "--arm", arm).stdout for arm in ("before", "after")]
    assert "all requests (before)" in texts[0]
    assert texts[0].replace("before", "after") != texts[1]  # the before arm works more


def test_doctor_fails_when_something_needed_is_missing(project: Project) -> None:
    (project.folder / "file").write_text("")
    project.env["HARNESS_CACHE"] = str(project.folder / "file")
    done = project.harness("doctor")
    assert done.returncode == 5
    assert "set HARNESS_CACHE" in done.stdout


STEPS = """
[attribution]
steps = [{ name = "half", env = { WORK = "25000" } }, { name = "whole", env = { WORK = "0" } }]
"""


def test_two_runs_at_once_are_independent_and_gc_does_not_touch_them(project: Project, plan: str) -> None:
    """Their users compute the name of an endpoint, so a target may name any; each arm has its own environment.

    One of the two measures the step between its arms, the other leaves it out.
    """
    service, users = project.folder / "service.py", project.folder / "users.py"
    service.write_text(service.read_text().replace('print("listening"', 'print("works", WORK'))
    users.write_text(users.read_text().replace('name="/items/{id}"', 'name="/items/" + "{id}"'))
    project.write(plan.replace('"queries_per_request <= 2"', '"p95 < 10 s"\nendpoint = "GET /items/{id}"') + STEPS)
    arguments = ("run", "plan.toml", "--plain", "--blocks", "1")
    both = [project.start(*arguments, *more) for more in ((), ("--no-attribution",))]
    wait_until_leg(project, 1)
    collected = project.harness("gc")
    assert (collected.returncode, collected.stdout) == (0, "")
    said = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [3, 3], said  # one block decides nothing
    assert ["1 blocks of before, half and after;" in text for text in said] == [True, False]
    assert " · half · " in said[0]
    works = []
    for run in sorted(project.out.iterdir(), key=lambda run: len(list(run.glob("trials/*")))):
        works.append({path.name[3:]: path.read_text() for path in (run / "logs").glob("*.serve.log")})
        assert (run / "attribution.json").is_file() == ("half.serve.log" in works[-1])
    ends = {"before.serve.log": "works 50000\n", "after.serve.log": "works 0\n"}
    assert works == [ends, {**ends, "half.serve.log": "works 25000\n"}]
