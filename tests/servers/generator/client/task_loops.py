"""The child program that runs users with Locust's task loop or with ``TaskLoop``, and prints their actions."""

from locust import SequentialTaskSet, TaskSet, User, constant, task  # isort: skip - first: it patches the process

import json
import logging
import random
import sys
from collections.abc import Callable
from typing import Any

import gevent
from gevent.pool import Group
from locust.env import Environment
from locust.exception import RescheduleTask, RescheduleTaskImmediately, StopUser

from harness.generator import HttpUser

Log = list[str]
Scene = Callable[[], type[User]]
SCENES: dict[str, Scene] = {}
MOST = 12


def scene(make: Scene) -> Scene:
    SCENES[make.__name__] = make
    return make


class Visitor(HttpUser):
    """Logs its actions, and ends after a while."""

    abstract = True
    host = "http://127.0.0.1:9"
    wait_time = constant(0)
    log: Log
    together = 1

    def said(self, what: str) -> None:
        self.log.append(what)
        if len(self.log) >= MOST:
            raise StopUser

    def on_stop(self) -> None:
        self.log.append("on_stop")


def visitor(tasks: TaskSet) -> Visitor:
    user: Any = tasks.user
    return user  # type: ignore[no-any-return]


@scene
def weights() -> type[User]:
    class Weights(Visitor):
        @task(3)
        def often(self) -> None:
            self.said("often")

        @task
        def seldom(self) -> None:
            self.said("seldom")

    return Weights


@scene
def raising() -> type[User]:
    class Raising(Visitor):
        @task
        def fail(self) -> None:
            self.said(f"{len(self.log)}")
            raise (ValueError, RescheduleTask, RescheduleTaskImmediately, KeyError)[len(self.log) % 4]

        def wait_time(self) -> float:
            self.said("waits")
            return 0

    return Raising


@scene
def nested() -> type[User]:
    class Steps(SequentialTaskSet):
        @task
        def one(self) -> None:
            visitor(self).said("one")

        @task
        def two(self) -> None:
            visitor(self).said("two")
            self.interrupt(reschedule=len(visitor(self).log) < 6)

        def on_stop(self) -> None:
            visitor(self).log.append("leaves")

    class Nested(Visitor):
        tasks = [Steps]  # noqa: RUF012 - as user files write it

        def wait_time(self) -> float:
            self.log.append("waits")
            return 0

    return Nested


@scene
def scheduling() -> type[User]:
    class Scheduling(Visitor):
        @task
        def plan(self) -> None:
            self.said("plan")
            tasks: Any = self._taskset_instance
            tasks.schedule_task(Scheduling.later)
            tasks.schedule_task(Scheduling.sooner, first=True)

        def later(self) -> None:
            self.said("later")

        def sooner(self) -> None:
            self.said("sooner")

    return Scheduling


@scene
def changing() -> type[User]:
    class Changing(Visitor):
        @task
        def first(self) -> None:
            self.said("first")
            self.tasks = [Changing.second]

        def second(self) -> None:
            self.said("second")
            self.tasks = [Changing.first]

    return Changing


@scene
def failing_start() -> type[User]:
    class FailingStart(Visitor):
        def on_start(self) -> None:
            self.said("on_start")
            raise ValueError("no")

        @task
        def never(self) -> None:
            self.said("never")

    return FailingStart


@scene
def stopping_start() -> type[User]:
    class StoppingStart(Visitor):
        def on_start(self) -> None:
            raise StopUser

        @task
        def never(self) -> None:
            self.said("never")

    return StoppingStart


@scene
def stopped_in_a_task() -> type[User]:
    class Stopped(Visitor):
        @task
        def work(self) -> None:
            self.said("begins")
            if len(self.log) > 4:
                self.log.append(f"stops {self.stop()}")
            self.said("ends")

    return Stopped


@scene
def stopped_while_it_waits() -> type[User]:
    class Waiting(Visitor):
        wait_time = constant(60)

        @task
        def work(self) -> None:
            self.said("works")
            gevent.spawn_later(0.01, lambda: self.log.append(f"stops {self.stop()}"))

    return Waiting


@scene
def no_wait_time() -> type[User]:
    class Endless(Visitor):
        wait_time: Any = None
        min_wait: Any = 0
        max_wait: Any = 0

        @task
        def work(self) -> None:
            self.said("works")

    return Endless


@scene
def two_users() -> type[User]:
    """Two users without requests: both get to run."""

    class Two(Visitor):
        together = 2

        @task
        def work(self) -> None:
            self.said(f"{self.environment.users.index(self)}")

    return Two


def main(kind: str) -> None:
    logging.disable()
    if kind == "locust":
        HttpUser.run = User.run  # type: ignore[misc, method-assign]
    json.dump({name: played(make) for name, make in SCENES.items()}, sys.stdout)


def played(make: Scene) -> Log:
    random.seed(7)
    log: Log = []
    environment: Any = Environment()
    environment.events.user_error.add_listener(lambda exception, **_: log.append(f"error {type(exception).__name__}"))
    of: Any = make()
    of.log = log
    environment.users = [of(environment) for _ in range(of.together)]
    group = Group()
    for user in environment.users:
        user.start(group)
    group.join(timeout=20)
    return log


if __name__ == "__main__":
    main(sys.argv[1])
