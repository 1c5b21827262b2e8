"""A locustfile as in Locust's documentation runs under a plan unchanged."""

import json
from pathlib import Path

import pytest

from tests.runs.project import Project

SERVICE = """
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(404 if self.path == "/missing" else 200)
        body = json.dumps({"path": self.path, "session": self.headers.get("Cookie")}).encode()
        if self.path == "/login":
            self.send_header("Set-Cookie", "session=7; Path=/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


print("listening", flush=True)
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
# Users with a fixed count take their place first; of the rest three in four are shoppers.
LOCUSTFILE = """
import random
import time

from locust import (
    FastHttpUser, HttpUser, SequentialTaskSet, TaskSet, between, constant, constant_pacing, constant_throughput, events,
    tag, task,
)
from locust.exception import RescheduleTask

counts = {"requests": 0, "failures": 0}


@events.init_command_line_parser.add_listener
def add_arguments(parser):
    parser.add_argument("--my-argument", default="as it was")


@events.init.add_listener
def on_locust_init(environment, **kwargs):
    print("HEARD init", environment.parsed_options.my_argument, flush=True)


@events.test_start.add_listener
def on_test_start(environment, **kwargs):
    print("HEARD test_start", environment.host, flush=True)


@events.test_stop.add_listener
def on_test_stop(environment, **kwargs):
    print("HEARD test_stop", counts["requests"], counts["failures"], flush=True)


@events.request.add_listener
def my_request_handler(
    request_type, name, response_time, response_length, response, context, exception, start_time, url, **kwargs
):
    counts["requests"] += 1
    counts["failures"] += exception is not None


class Checkout(SequentialTaskSet):
    def on_start(self):
        self.client.get("/cart")

    @task
    def address(self):
        self.client.post("/checkout/address", json={"street": "1"})

    @task
    def pay(self):
        self.client.post("/checkout/pay", data={"card": "1"})

    @task
    def done(self):
        self.interrupt()


class Browse(TaskSet):
    @task(3)
    class Category(TaskSet):
        @task(4)
        def item(self):
            self.client.get(f"/item?id={random.randint(1, 9)}", name="/item")

        @task(1)
        def leave(self):
            self.interrupt(reschedule=False)

    @task(1)
    def leave(self):
        self.interrupt()


class Shopper(HttpUser):
    weight = 3
    wait_time = between(0.01, 0.03)
    tasks = {Checkout: 1, Browse: 3}

    def on_start(self):
        self.client.post("/login", json={"username": "foo", "password": "bar"})

    def on_stop(self):
        self.client.get("/logout")

    @tag("slow")
    @task(2)
    def tagged(self):
        with self.client.get("/missing", catch_response=True) as response:
            if response.status_code == 404:
                response.success()

    @task
    def judged(self):
        with self.client.get("/judged", catch_response=True) as response:
            if response.json()["session"] != "session=7":
                response.failure("not logged in")


class Api(FastHttpUser):
    weight = 1
    wait_time = constant_throughput(50)

    @task
    def quick(self):
        with self.rest("GET", "/api/quick") as response:
            assert response.js["path"] == "/api/quick"

    @tag("broken")
    @task
    def failing(self):
        with self.client.get("/api/failing", catch_response=True) as response:
            response.failure("Got wrong response")
            raise RescheduleTask()


class Admin(HttpUser):
    fixed_count = 1
    wait_time = constant_pacing(0.1)

    @task
    def index(self):
        with self.client.rename_request("/admin/[page]"):
            self.client.get(f"/admin/{time.time()}")


class Watcher(FastHttpUser):
    fixed_count = 1
    wait_time = constant(0.05)

    @task
    def poll(self):
        self.client.get("/poll")


class Abstract(HttpUser):
    abstract = True

    @task
    def never(self):
        self.client.get("/never")
"""
PLAN = """\
schema = 1
name = "somebody else's locustfile"

[environment]
kind = "local"
serve = "python service.py {port}"
ready = "/"
ready_seconds = 5

[arms.before]
[arms.after]

[load]
users = ["locustfile.py"]
blocks = 1
seed = 1

[[stages]]
kind = "ramp"
seconds = 1
users = 10

[[stages]]
kind = "sustain"
seconds = 4
users = 10

[[targets]]
expect = "p95 < 10 s"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("locustfile"))
    (project.folder / "service.py").write_text(SERVICE)
    (project.folder / "locustfile.py").write_text(LOCUSTFILE)
    done = project.run(PLAN)
    project.close()
    assert "INVALID" not in done.stdout, done.stdout + done.stderr
    assert done.returncode in {0, 1, 3}, done.stdout + done.stderr
    return project


@pytest.fixture(scope="module")
def rows(shop: Project) -> dict[str, dict[str, float]]:
    """The sustained stage of the arm after, by endpoint."""
    every = json.loads((shop.recorded / "summary.json").read_text())["rows"]
    wanted = [row for row in every if (row["arm"], row["stage"], row["block"]) == ("after", "sustain", None)]
    return {row["endpoint"]: row for row in wanted if row["endpoint"] is not None}


def logs(project: Project) -> list[Path]:
    return sorted(project.recorded.glob("logs/*.generator.log"))


def test_there_is_a_verdict(shop: Project) -> None:
    verdict = json.loads((shop.recorded / "verdict.json").read_text())
    assert verdict["outcome"] in {"PASS", "FAIL", "INCONCLUSIVE"}


def test_every_task_of_every_kind_of_user_is_there(rows: dict[str, dict[str, float]]) -> None:
    assert rows.keys() >= {
        "GET /cart", "POST /checkout/address", "POST /checkout/pay", "GET /item", "GET /missing", "GET /judged",
        "GET /api/quick", "GET /api/failing", "GET /admin/[page]", "GET /poll",
    }  # fmt: skip
    assert "GET /never" not in rows


def test_request_counts_follow_weights_and_wait_times(rows: dict[str, dict[str, float]]) -> None:
    requests = {name: row["requests"] for name, row in rows.items()}
    assert 30 <= requests["GET /admin/[page]"] <= 41  # one user, ten a second, for four seconds
    assert 40 <= requests["GET /poll"] <= 81
    assert 200 <= requests["GET /api/quick"] + requests["GET /api/failing"] <= 410  # two users of eight, fifty a second
    assert requests["POST /checkout/address"] - requests["POST /checkout/pay"] in range(-6, 7)  # six shoppers, in order
    assert requests["GET /item"] > requests["GET /cart"]


def test_catch_response_blocks_decide_success_and_failure(rows: dict[str, dict[str, float]]) -> None:
    rates = {name: row["error_rate"] for name, row in rows.items()}
    assert {name for name, rate in rates.items() if rate} == {"GET /api/failing"}
    assert rates["GET /api/failing"] == 1


def test_its_listeners_receive_the_events_of_locust(shop: Project) -> None:
    for log in logs(shop):
        text = log.read_text()
        assert "HEARD init as it was" in text
        assert (
            text.index("HEARD init") < text.index("HEARD test_start http://127.0.0.1:") < text.index("HEARD test_stop")
        )


def test_its_listeners_count_as_many_requests_as_were_recorded(shop: Project) -> None:
    for log, windows in zip(logs(shop), sorted(shop.recorded.glob("trials/*/windows.json")), strict=True):
        heard = int(log.read_text().partition("HEARD test_stop ")[2].split()[0])
        assert heard == json.loads(windows.read_text())["requests"]
