"""Response comparison of whole runs: real services, all three clients, and differences that never PASS."""

import json
import re
import signal
from pathlib import Path

import pytest

from tests.runs.project import Project

SERVICE = """
import itertools, json, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WRONG = os.environ.get("WRONG", "")
made = itertools.count(1)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self, status, value):
        body = json.dumps(value, sort_keys=WRONG == "").encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Server-Timing", 'db;dur=1.5;desc="1 queries"')
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/":
            return self.answer(200, {})
        number = int(self.path.rpartition("/")[2])
        if WRONG == "error" and number % 7 == 3:
            return self.answer(500, {"error": "out of order"})
        if WRONG == "slow":
            time.sleep(0.5)
        near = [number, number + 1, 7]
        value = {
            "token": os.urandom(4).hex(),
            "next": f"http://{self.headers['Host']}/items/{number + 1}",
            "near": near[::-1] if WRONG else near,
            "price": 1.5,
            "title": f"Item {number}" + ("?" if WRONG == "title" and number % 7 == 3 else ""),
            "id": number,
        }
        self.answer(200, value)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(201, {"id": next(made)})

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
USERS = """
import os
from random import Random

from locust import FastHttpUser, HttpUser, constant

from harness.generator import HttpUser as Light


def read(user):
    number = user.chance.randrange(20)
    answer = user.client.get(f"/items/{number}", name="/items/{id}").json()
    user.client.post("/items", json={"copied": answer.get("id"), "password": "hunter22"}, name="/items")


class Asking:
    tasks = [read]

    def on_start(self):
        self.chance = Random(f"{os.environ['HARNESS_SEED']}-{type(self).__name__}")


class Own(Asking, Light):
    wait_time = constant(0)


class Fast(Asking, FastHttpUser):
    wait_time = constant(0.02)


class Slow(Asking, HttpUser):
    wait_time = constant(100)
"""
ANSWERS = """
[answers]
requests = 60
unordered = ["GET /items/{id}"]
ignore = ["token"]
"""
PLAN = """\
schema = 1
name = "two releases of a small service"

[environment]
kind = "local"
serve = "python service.py {port}"
ready_seconds = 30

[arms.before]
[arms.after]
env = { WRONG = "WHAT" }
ANSWERS
[load]
users = ["users.py"]
blocks = 1
seed = 1

[[stages]]
kind = "sustain"
seconds = 2
users = 3

[[targets]]
expect = "queries_per_request <= 1"
"""


def asked(project: Project, wrong: str, answers: str = ANSWERS) -> str:
    (project.folder / "service.py").write_text(SERVICE)
    (project.folder / "users.py").write_text(USERS)
    return PLAN.replace("WHAT", wrong).replace("ANSWERS", answers)


def lines(folder: Path, arm: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "answers" / f"{arm}.jsonl").read_text().splitlines()]


def test_responses_that_differ_in_order_only_pass(project: Project) -> None:
    done = project.run(asked(project, "order"))
    assert done.returncode == 0, done.stderr + done.stdout
    assert "1 of 1 target met, responses identical" in done.stdout
    assert "responses identical (60 of 60)" in done.stdout
    assert "comparing responses: before" in done.stderr
    head, *rows = lines(project.recorded, "before")
    assert head == {"schema": 1, "wanted": 60, "requests": 60, "user_errors": 0}
    ways = [(row["endpoint"], row["path"], row["asked"], row["digest"]) for row in rows]
    assert ways == [(r["endpoint"], r["path"], r["asked"], r["digest"]) for r in lines(project.recorded, "after")[1:]]
    numbers = {json.loads(str(row["text"]))["id"] for row in rows if row["endpoint"] == "POST /items"}
    assert numbers == set(range(1, 31))  # one after the other
    texts = [path.read_text() for path in (project.recorded / "answers").iterdir()]
    assert not [word for word in ("hunter22", "token", "127.0.0.1") for text in texts if word in text]
    assert project.alive() == []


def test_a_different_response_fails_and_check_repeats_it(project: Project) -> None:
    done = project.run(asked(project, "title"))
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("FAIL  1 of 1 target met")
    assert re.search(r'GET /items/(\d+): \$.title "Item \1" → "Item \1\?"', done.stdout)
    again = project.harness("check", str(project.recorded))
    assert (again.returncode, again.stdout.splitlines()) == (1, done.stdout.splitlines()[:-1])
    (project.recorded / "answers" / "after.jsonl").unlink()
    missing = project.harness("check", str(project.recorded))
    assert missing.returncode == 4
    assert "the answers of after are missing" in missing.stdout


@pytest.mark.thorough
def test_an_error_response_is_a_difference(project: Project) -> None:
    done = project.run(asked(project, "error"))
    assert done.returncode == 1, done.stderr
    assert "status 200 → 500" in done.stdout


@pytest.mark.thorough
def test_users_with_an_unseeded_random_generator_are_inconclusive(project: Project) -> None:
    plan = asked(project, "order")
    users = USERS.replace("Random(f\"{os.environ['HARNESS_SEED']}-{type(self).__name__}\")", "Random()")
    (project.folder / "users.py").write_text(users)
    done = project.run(plan)
    assert done.returncode == 3, done.stderr + done.stdout
    assert "the arms were not asked the same" in " ".join(done.stdout.split())


def test_ctrl_c_during_the_response_comparison_leaves_nothing(project: Project) -> None:
    project.write(asked(project, "slow"))
    process = project.start("run", "plan.toml", "--plain")
    project.wait_for(lambda: bool(list(project.out.glob("*/answers/before.jsonl"))), 90)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    project.wait_for(lambda: project.alive() == [])
    assert not list(project.out.glob("*/answers/after.jsonl"))


def test_endpoints_that_nobody_requests_are_refused(project: Project) -> None:
    answers = ANSWERS.replace("{id}", "{number}")
    done = project.run(asked(project, "order", answers))
    assert done.returncode == 2
    assert 'answers.unordered[0]: no user file requests "GET /items/{number}"' in done.stderr
