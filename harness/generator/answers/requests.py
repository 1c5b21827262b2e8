"""Inquirer: asks one arm the corpus of a plan and writes its answers down; no time is measured.

There is one user of each class, and only one of them is at work at any moment. Whose turn it is their own wait times
say, but nobody waits: the clock that they wait by jumps to the next turn. So both arms are asked the same in the same
order, whatever each of them takes to answer, until an answer leads a user elsewhere.
"""

from locust import TaskSet, User, events  # isort: skip - first: it patches the process

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

from harness.generator.answers.corpus_pacing import CorpusPacing
from harness.generator.answers.corpus_recorder import CorpusRecorder
from harness.generator.http.address import without_password
from harness.generator.http.session import HttpSession
from harness.generator.http.task_loop import TaskLoop
from harness.generator.users import assign_hosts, fire_init
from harness.plan.environment import ANSWERS_KEY, url_variable
from harness.plan.model import Plan
from harness.record.answers import SCHEMA, Answer

CORPUS_SECONDS = 10
"""What users are told is the length of the load: on the clock that jumps a user of little patience asks much in it."""
MIN_WAIT_SECONDS = 0.1
MAX_IDLE_TURNS = 1000
"""After so many turns without a request none is expected any more."""
REPORT_SECONDS = 0.5


def request_corpus(
    plan: Plan, users: Sequence[type[User]], host: str, out: Path, channel: TextIO, *, paced: bool = False
) -> None:
    """Ask the corpus, and write the answers as JSON lines: first what there is, then one for each request.

    Where it is ``paced`` each request waits until the harness has looked at what the one before it did.

    Raises:
        SystemExit: when an answer could not be taken in.
    """
    assert plan.answers is not None  # noqa: S101 - the caller looked
    environment = Environment(
        user_classes=list(users),
        host=assign_hosts(plan, users, host),
        events=events,  # of the module: user files listen there
        stop_timeout=plan.load.stop_seconds,
        reset_stats=False,
    )
    runner = environment.create_local_runner()
    fire_init(runner)
    pacing = CorpusPacing(channel, plan.answers.requests) if paced else None
    recorder = CorpusRecorder(plan.answers, _own_urls(plan, host), os.environ[ANSWERS_KEY], pacing)
    environment.events.request.add_listener(recorder.on_request)
    environment.events.user_error.add_listener(recorder.on_user_error)
    _keep_bodies()
    scheduler = CorpusScheduler(environment, users)
    TaskSet._sleep = lambda _, seconds: scheduler.wait(seconds)  # type: ignore[method-assign] # noqa: SLF001
    TaskLoop.wait = TaskSet.wait  # type: ignore[method-assign] # it would go on where nobody has to wait
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
        sys.exit(f"an answer could not be taken in: {recorder.broken!r}")
    if not paced:
        _tell(recorder, channel)
    _write(recorder, out)


class CorpusScheduler:
    """Which user is at work: the one that has waited out its time first, on a clock that nobody waits for."""

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
        """Let the next user do a task, or get ready, until it waits again."""
        self._now, _, go_on = heappop(self._queue)
        self._handed_over.clear()
        go_on()
        self._handed_over.wait()

    def wait(self, seconds: float) -> None:
        """Hand over to the others, as the user that is at work, for so long on the clock."""
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
        """After a user that ended another one comes, as under load."""
        self._put(MIN_WAIT_SECONDS, partial(self._begin, kind))
        self._handed_over.set()


def _own_urls(plan: Plan, host: str) -> dict[str, str]:
    """The base URLs of the arm's services, as they would stand in an answer, each with what stands for it."""
    urls = {host: "{service}"} | {os.environ[url_variable(name)]: f"{{{name}}}" for name in plan.services}
    return {without_password(url.rstrip("/"))[0]: name for url, name in urls.items() if url}


def _keep_bodies() -> None:
    """From now on a response of the harness's own client knows the body of its request, as those of other clients."""
    follow = HttpSession._follow  # noqa: SLF001

    def following(session: HttpSession, response: Any, *what: Any, **how: Any) -> None:  # noqa: ANN401 - passed on
        response.asked = what[3]
        follow(session, response, *what, **how)

    HttpSession._follow = following  # type: ignore[method-assign, assignment] # noqa: SLF001


def _report(recorder: CorpusRecorder, channel: TextIO) -> None:
    while True:
        _tell(recorder, channel)
        gevent.sleep(REPORT_SECONDS)


def _tell(recorder: CorpusRecorder, channel: TextIO) -> None:
    print(json.dumps({"asked": len(recorder.answers), "wanted": recorder.wanted}), file=channel)


def _write(recorder: CorpusRecorder, out: Path) -> None:
    """Write the answers whole and rename them into place."""
    head = {"schema": SCHEMA, "wanted": recorder.wanted, "requests": len(recorder.answers)}
    partial_file = out.with_name(f"{out.name}.partial")
    with partial_file.open("w", encoding="utf-8") as file:
        for line in (head | {"user_errors": recorder.user_errors}, *map(_row, recorder.answers)):
            print(json.dumps(line), file=file)
    partial_file.rename(out)


def _row(answer: Answer) -> dict[str, Any]:
    return asdict(answer)
