"""Send the corpus of a plan to one arm and write the responses; no time is measured.

There is one user of each class, and one of them runs at a time. Their wait times order them on a simulated clock, which
jumps to the next user. So both arms get the same requests in the same order, however fast they respond, until a
response leads a user elsewhere.
"""

from locust import TaskSet, User  # isort: skip - first: it patches the process

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import Any, TextIO

import gevent
from gevent.event import Event
from gevent.pool import Group
from locust.env import Environment

from harness.generator.answers.corpus_recorder import CorpusRecorder, body_of
from harness.generator.http.client import TaskLoop
from harness.generator.http.request_parts import without_password
from harness.generator.http.response_headers import CACHES, reported_headers
from harness.generator.http.session import HttpSession
from harness.generator.users import fire_init, locust_environment
from harness.plan.environment import ANSWERS_KEY, url_variable
from harness.plan.model import Plan
from harness.record.answers import SCHEMA, Answer, longest_list

CORPUS_SECONDS = 10
"""The value of ``HARNESS_SECONDS`` for users, on the simulated clock."""
MIN_WAIT_SECONDS = 0.1
MAX_IDLE_TURNS = 1000
"""Turns without a request after which none is expected."""


class CorpusPacing:
    """Reports each request on ``channel`` and waits for a byte on standard input."""

    def __init__(self, channel: TextIO, wanted: int) -> None:
        self._channel, self._wanted = channel, wanted

    def begin(self) -> None:
        self._report(0, None)

    def __call__(self, answer: Answer, response: Any) -> None:  # noqa: ANN401 - whatever a client calls its response
        cache, queries, db_ms = reported_headers(getattr(response, "headers", None) or {})
        request = {
            "n": answer.n,
            "endpoint": answer.endpoint,
            "status": answer.status,
            "cache": CACHES[cache] if cache >= 0 else None,
            "items": longest_list((body_of(response) or b"").decode(errors="replace")),
            "queries": queries if queries >= 0 else None,
            "db_ms": db_ms if db_ms >= 0 else None,
        }
        self._report(answer.n, request)

    def _report(self, requests: int, request: dict[str, Any] | None) -> None:
        print(json.dumps({"asked": requests, "wanted": self._wanted, "request": request}), file=self._channel)
        if not os.read(sys.stdin.fileno(), 1):
            os._exit(1)  # the parent is gone


def request_corpus(
    plan: Plan, users: Sequence[type[User]], host: str, out: Path, channel: TextIO, *, paced: bool = False
) -> None:
    """Send the corpus; write the responses as JSON lines: first a summary, then one line per request.

    With ``paced``, each request waits until the harness has read the counters after the one before. Exits when a
    response could not be recorded.
    """
    assert plan.answers is not None  # noqa: S101 - the caller checked it
    environment = locust_environment(plan, users, host)
    runner = environment.create_local_runner()
    fire_init(runner)
    pacing = CorpusPacing(channel, plan.answers.requests) if paced else None
    recorder = CorpusRecorder(plan.answers, _own_urls(plan, host), os.environ[ANSWERS_KEY], pacing)
    environment.events.request.add_listener(recorder.on_request)
    environment.events.user_error.add_listener(recorder.on_user_error)
    _keep_bodies()
    scheduler = CorpusScheduler(environment, users)
    TaskSet._sleep = lambda _, seconds: scheduler.wait(seconds)  # type: ignore[method-assign] # noqa: SLF001
    TaskLoop.wait = TaskSet.wait  # type: ignore[method-assign] # its own wait skips waits of 0 s
    environment.events.test_start.fire(environment=environment)
    reporting = None if paced else gevent.spawn(_report, recorder, channel)
    if pacing:
        pacing.begin()
    idle = 0
    while not recorder.full and idle < MAX_IDLE_TURNS:
        before = len(recorder.answers)
        scheduler.run_next()
        idle = 0 if len(recorder.answers) > before else idle + 1
    scheduler.group.kill(timeout=plan.load.stop_seconds)
    environment.events.test_stop.fire(environment=environment)
    if reporting:
        reporting.kill()
    if recorder.broken is not None:
        sys.exit(f"a response could not be recorded: {recorder.broken!r}")
    if not paced:
        _print_progress(recorder, channel)
    _write(recorder, out)


class CorpusScheduler:
    """Runs one user at a time: the one whose wait time ends first on the simulated clock."""

    def __init__(self, environment: Environment, users: Sequence[type[User]]) -> None:
        self.group = Group()
        self._environment = environment
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._now = 0.0
        self._handed_over = Event()
        for kind in users:
            self._put(0.0, partial(self._begin, kind))

    def run_next(self) -> None:
        """Let the next user run until it waits again."""
        self._now, _, go_on = heappop(self._queue)
        self._handed_over.clear()
        go_on()
        self._handed_over.wait()

    def wait(self, seconds: float) -> None:
        """Called by the running user: let the others run for this time on the simulated clock."""
        turn = Event()
        self._put(max(seconds, MIN_WAIT_SECONDS), turn.set)
        self._handed_over.set()
        turn.wait()

    def _put(self, seconds: float, go_on: Callable[[], None]) -> None:
        heappush(self._queue, (self._now + seconds, next(self._numbers), go_on))

    def _begin(self, kind: type[User]) -> None:
        greenlet: Any = kind(self._environment).start(self.group)
        greenlet.rawlink(lambda _: self._replace(kind))

    def _replace(self, kind: type[User]) -> None:
        self._put(MIN_WAIT_SECONDS, partial(self._begin, kind))
        self._handed_over.set()


def _own_urls(plan: Plan, host: str) -> dict[str, str]:
    """The base URLs of the arm's services, as responses contain them, each with its placeholder."""
    urls = {host: "{service}"} | {os.environ[url_variable(name)]: f"{{{name}}}" for name in plan.services}
    return {without_password(url.rstrip("/"))[0]: name for url, name in urls.items() if url}


def _keep_bodies() -> None:
    """From now on a response of the harness's own client has its request's body, as those of other clients have."""
    follow = HttpSession._follow  # noqa: SLF001

    def following(session: HttpSession, response: Any, *what: Any, **how: Any) -> None:  # noqa: ANN401 - passed on
        response.asked = what[3]
        follow(session, response, *what, **how)

    HttpSession._follow = following  # type: ignore[method-assign, assignment] # noqa: SLF001


def _report(recorder: CorpusRecorder, channel: TextIO) -> None:
    while True:
        _print_progress(recorder, channel)
        gevent.sleep(0.5)


def _print_progress(recorder: CorpusRecorder, channel: TextIO) -> None:
    print(json.dumps({"asked": len(recorder.answers), "wanted": recorder.wanted}), file=channel)


def _write(recorder: CorpusRecorder, out: Path) -> None:
    head = {"schema": SCHEMA, "wanted": recorder.wanted, "requests": len(recorder.answers)}
    partial_file = out.with_name(f"{out.name}.partial")
    with partial_file.open("w", encoding="utf-8") as file:
        for line in (head | {"user_errors": recorder.user_errors}, *map(asdict, recorder.answers)):
            print(json.dumps(line), file=file)
    partial_file.rename(out)
