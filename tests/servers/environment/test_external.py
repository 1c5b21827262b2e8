"""An external system: its commands in order, and secrets that never appear."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from harness.environment.external import ExternalEnvironment, read_database
from harness.environment.processes import labelled_processes
from harness.environment.readiness import READY_IN_A_ROW, await_ready, why_not_ok
from harness.environment.servers import free_ports
from harness.environment.settings import by_arm
from harness.environment.variables import expand_url
from harness.errors import CommandError, EnvironmentFailedError, NotReadyError
from harness.plan.file import parse_plan
from harness.record.leg import Leg

CANARY = "c4n4ry"
PLAN = """
schema = 1
name = "elsewhere"
[environment]
kind = "external"
ready = "/ready"
ready_seconds = 1
command_seconds = 1
[arms.before]
revision = "release 1"
url = "{before}"
[arms.after]
url = "{after}"
env = {{ FLAG = "on" }}
[load]
users = ["users.py"]
[[stages]]
kind = "sustain"
seconds = 10
users = 5
"""
NOTE = (
    "import json, os, pathlib, sys; "
    "pathlib.Path('said').open('a').write(json.dumps([*sys.argv[1:], os.environ.get('FLAG')]) + chr(10))"
)
"""A command that logs its arguments."""
BEFORE, AFTER = Leg(1, 1, "before"), Leg(2, 1, "after")


class Service:
    """An HTTP service with the responses ``answers`` in turn; it repeats the last one."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str | None]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked.append((self.path, self.headers["Authorization"]))
                self.send_response(service.answers.pop(0) if len(service.answers) > 1 else service.answers[0])
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.address}"


@contextmanager
def serving(*answers: int) -> Iterator[Service]:
    service = Service(*answers or (200,))
    thread = Thread(target=service.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.server.shutdown()
        service.server.server_close()
        thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as one:
        yield one


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def made(folder: Path, before: str, after: str, environment: str = "", arm: str = "") -> ExternalEnvironment:
    text = PLAN.format(before=before, after=after)
    text = text.replace("[arms.before]", f"{environment}\n[arms.before]").replace("[load]", f"{arm}\n[load]")
    return ExternalEnvironment(parse_plan(text), folder, folder / "logs", lambda _: None)


def command(*words: str) -> str:
    """As a line of a plan, the words after the program that notes them."""
    return json.dumps(" ".join([f'"{sys.executable}" -c "{NOTE}"', *words]))


def said(folder: Path) -> list[list[str | None]]:
    return [json.loads(line) for line in (folder / "said").read_text().splitlines()]


@pytest.mark.usefixtures("cache")
def test_both_arms_have_to_answer_before_anything_is_loaded(tmp_path: Path) -> None:
    with serving(503, 200, 503, 200) as before, serving(200) as after:
        with made(tmp_path, before.url + "/", after.url) as environment:
            assert environment.prepare() == []
            assert len(before.asked) == 3 + READY_IN_A_ROW
            assert len(after.asked) == READY_IN_A_ROW
            startup = environment.start(BEFORE)
            assert (startup.host, startup.ready_seconds, startup.urls) == (before.url + "/", None, {})
            assert len(before.asked) == 3 + 2 * READY_IN_A_ROW
            environment.check()
            assert environment.stop() == []
        assert {path for path, _ in before.asked} == {"/ready"}


@pytest.mark.usefixtures("cache")
def test_before_a_leg_comes_the_switch_then_the_reset_then_the_waiting(tmp_path: Path, service: Service) -> None:
    keys = f"switch = {command('to', '{arm}', '{revision}', '${arm}')}\nreset = {command('reset', '{arm}')}"
    with made(tmp_path, service.url, service.url, keys) as environment:
        environment.prepare()
        assert service.asked == []  # which arm would answer is not known yet
        for leg in (BEFORE, AFTER, AFTER):
            environment.start(leg)
    assert said(tmp_path) == [
        ["to", "before", "release 1", "${arm}", None],
        ["reset", "before", None],
        ["to", "after", "", "${arm}", "on"],
        ["reset", "after", "on"],
        ["to", "after", "", "${arm}", "on"],
        ["reset", "after", "on"],
    ]
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == [
        "01-before.reset.log",
        "01-before.switch.log",
        "02-after.reset.log",
        "02-after.switch.log",
    ]


@pytest.mark.usefixtures("cache")
def test_a_sequential_plan_switches_to_an_arm_once(tmp_path: Path, service: Service) -> None:
    keys = f"sequential = true\nswitch = {command('{arm}')}\nreset = {command('reset')}"
    with made(tmp_path, service.url, service.url, keys) as environment:
        environment.prepare()
        for leg in (BEFORE, Leg(2, 2, "before"), Leg(3, 1, "after"), Leg(4, 2, "after")):
            environment.start(leg)
    assert [words[0] for words in said(tmp_path)] == ["before", "reset", "reset", "after", "reset", "reset"]


@pytest.mark.usefixtures("cache")
def test_several_services_are_all_waited_for(tmp_path: Path) -> None:
    with serving() as auth, serving(500) as pay:
        urls = f'urls = {{ auth = "{auth.url}", pay = "{pay.url}" }}'
        text = PLAN.format(before="x", after="x").replace('url = "x"', urls).replace("kind", 'switch = "true"\nkind', 1)
        plan = parse_plan(text)
        with ExternalEnvironment(plan, tmp_path, tmp_path / "logs", lambda _: None) as environment:
            with pytest.raises(NotReadyError, match=r"arms\.before\.urls\.pay: .*/ready .*\(it answers 500\)"):
                environment.start(BEFORE)
            pay.answers = [200]
            assert environment.start(AFTER).urls == {"auth": auth.url, "pay": pay.url}


@pytest.mark.usefixtures("cache")
def test_a_name_and_a_password_are_sent_and_not_said(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASE", f"http://me:{CANARY}@{service.address}/")
    (closed,) = free_ports()
    with made(tmp_path, "${BASE}", f"http://127.0.0.1:{closed}") as environment:
        startup = environment.start(BEFORE)
        assert startup.host == "${BASE}"
        assert {field for _, field in service.asked} == {"Basic bWU6YzRuNHJ5"}
        service.answers = [401]
        with pytest.raises(NotReadyError) as caught:
            environment.start(BEFORE)
    assert str(caught.value) == "arms.before.url: ${BASE}/ready was not ready within 1 s (it answers 401)"
    assert not [note for note in caught.value.__notes__ if CANARY in note]


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("before", "environment", "what"),
    [
        ("${NOWHERE}", "", r"arms\.before\.url: NOWHERE is not set; export NOWHERE="),
        ("${WRONG}", "", r"arms\.before\.url: \$\{WRONG\} expands to no URL"),
        ("${SAME}", "", r"arms\.after\.url: .*its expanded address is that of arms\.before.*environment\.switch"),
        ("http://127.0.0.1:1", 'cwd = "nowhere"', r"environment\.cwd: no folder"),
        ("http://127.0.0.1:1", 'env = { A = "${NOWHERE}" }', r"environment\.env\.A: NOWHERE is not set"),
        ("http://127.0.0.1:1", 'postgres = "${NOWHERE}"', r"environment\.postgres: NOWHERE is not set"),
    ],
)
def test_what_cannot_be_filled_in_is_named_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, environment: str, what: str
) -> None:
    monkeypatch.setenv("WRONG", f"postgresql://{CANARY}")
    monkeypatch.setenv("SAME", "http://127.0.0.1:2/")
    with (
        pytest.raises(EnvironmentFailedError, match=what) as caught,
        made(tmp_path, before, "http://127.0.0.1:2", environment),
    ):
        pass
    assert CANARY not in str(caught.value)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("switch", "what", "note"),
    [
        ("no-such-program {arm}", r"environment\.switch \(to before\): cannot run no-such-program", ""),
        (f"'{sys.executable}' -c \"import sys; sys.exit('no such flag')\"", r"failed \(status 1\)", "no such flag"),
        ("sleep 60", r"environment\.switch \(to before\) took longer than 1 s: sleep 60", "(empty)"),
    ],
)
def test_a_switch_that_fails_or_hangs_says_so_with_its_last_lines(
    tmp_path: Path, service: Service, switch: str, what: str, note: str
) -> None:
    environment = made(tmp_path, service.url, service.url, f"switch = {json.dumps(switch)}")
    with environment, pytest.raises(EnvironmentFailedError, match=what) as caught:
        environment.start(BEFORE)
    notes = "\n".join(caught.value.__notes__)
    assert note in notes
    assert "environment.command_seconds" in notes
    assert service.asked == []
    assert not [label for _, label in labelled_processes() if label == environment.label]


@pytest.mark.usefixtures("cache")
def test_a_reset_that_fails_is_named(tmp_path: Path, service: Service) -> None:
    made_so = made(tmp_path, service.url, service.url, 'switch = "true"\nreset = "false"')
    with made_so as environment, pytest.raises(CommandError, match=r"environment\.reset \(of after\) failed"):
        environment.start(AFTER)


def test_it_takes_three_good_answers_in_a_row() -> None:
    answers = ["no", "", "", "not now", "", "", ""]
    asked: list[str] = []

    def ask() -> str:
        asked.append(answers.pop(0))
        return asked[-1]

    await_ready({"it": ask}, 5)
    assert answers == []
    with pytest.raises(NotReadyError, match=r"two was not ready within 0.3 s \(no\)"):
        await_ready({"one": lambda: "", "two": lambda: "no"}, 0.3)


def test_why_a_service_is_not_ready_is_said_without_its_secrets() -> None:
    (closed,) = free_ports()
    assert "refused" in why_not_ok(f"http://me:{CANARY}@127.0.0.1:{closed}/")
    assert CANARY not in why_not_ok(f"http://me:{CANARY}@127.0.0.1:{closed}/")
    assert CANARY not in why_not_ok(f"http://me:{CANARY}@127.0.0.1:none/")
    with serving(204) as service:
        assert why_not_ok(service.url) == "it answers 204"


def test_a_base_url_loses_its_last_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE", "https://a.test/api/")
    assert expand_url("${BASE}", "key") == "https://a.test/api"
    assert expand_url("http://a.test", "key") == "http://a.test"


def test_facts_of_arms_are_named_once_where_they_agree() -> None:
    one, other = {"version": "18", "jit": "on"}, {"version": "18", "jit": "off"}
    assert by_arm({"before": one, "after": other}, 2) == {"version": "18", "jit, before": "on", "jit, after": "off"}
    assert by_arm({"after": {"version": "18"}}, 2) == {"version, after": "18"}
    assert by_arm({}, 2) == {}


@pytest.mark.parametrize("dsn", [f"garbage {CANARY}", f"postgresql+psycopg://a:{CANARY}@127.0.0.1/x"])
def test_what_is_no_address_of_a_database_is_not_repeated(dsn: str) -> None:
    with pytest.raises(EnvironmentFailedError, match=r"environment\.postgres: is no address") as caught:
        read_database(dsn, "environment.postgres")
    assert CANARY not in str(caught.value)


def test_a_database_that_is_not_there_is_an_error_with_a_fix() -> None:
    (closed,) = free_ports()
    dsn = f"postgresql://{CANARY}:{CANARY}@127.0.0.1:{closed}/x"
    with pytest.raises(EnvironmentFailedError, match=r"arms\.after\.postgres: .*refused.*; start it, corr") as caught:
        read_database(dsn, "arms.after.postgres")
    assert CANARY not in str(caught.value)
