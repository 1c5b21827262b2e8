"""An HTTP user that costs a fraction of Locust's own, with the interface of Locust's FastHttpUser.

A user file changes one import: ``from harness.generator import HttpUser``. Intended differences from FastHttpUser:

- ``connection_timeout`` and ``network_timeout`` limit the whole connect and the whole response, redirects included;
  FastHttpUser's limit each single wait, which a server that sends byte by byte never exceeds.
- Bodies are decompressed when they are read, and the reported length is the received one. A body that cannot be
  decompressed is ``None``, with the reason in ``error``: the request fails if a with-block reads it.
- ``insecure = False`` verifies certificates.
- What cannot be sent (no URL, a line break in a header field) is a failed request, never an exception in the task;
  a header field with the value ``None`` is left out.
- The name and password of the host, and Authorization and Cookie of ``headers`` and ``default_headers``, do not follow
  a redirect to another server.
- An idempotent request without any response on a connection that was closed meanwhile is sent again on a new one.
- Every status below 400 is a success. ``url`` is the URL of the last response, query included. A response has no
  ``request``, ``elapsed`` or ``history``; ``headers`` of a request without a response are empty, not ``None``.
- A file as ``data`` is sent as a whole, with its length, not in chunks.
- A user whose wait time is 0 continues with its next task as soon as it has reported a request, which let the others
  run; after a task without a request, the others run first.
- There is no proxy, no ``max_retries``, and no pool shared between users.
"""

import logging
import traceback
from collections.abc import Callable
from inspect import isclass
from typing import Any

from gevent import GreenletExit
from gevent.pool import Group
from locust import TaskSet, User
from locust.exception import StopTest, StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING, DefaultTaskSet
from locust.user.users import RestMixin

from harness.generator.http.session import HttpSession

logger = logging.getLogger("locust.user.users")


class TaskLoop(DefaultTaskSet):
    """The tasks of a user whose requests go through ``client``."""

    def __init__(self, user: Any, client: HttpSession) -> None:  # noqa: ANN401 - a User; Locust calls it a parent
        super().__init__(user)
        self._yielding = client

    def execute_next_task(self) -> None:
        """Execute the next task, and those after it until one schedules another."""
        super().execute_next_task()
        while not self._task_queue:
            self.wait()
            self.execute_task(self.get_next_task())

    def get_next_task(self) -> Any:  # noqa: ANN401 - a function or a TaskSet class
        """A random task; without a random number where there is only one."""
        tasks = self._user.tasks
        return tasks[0] if len(tasks) == 1 else super().get_next_task()

    def wait(self) -> None:
        """Wait as Locust does. A wait of 0 s lets other users run, unless a request just did."""
        user: Any = self._user
        if user._state == LOCUST_STATE_STOPPING:  # noqa: SLF001 - as Locust's own does, here and below
            raise StopUser
        user._state = LOCUST_STATE_WAITING  # noqa: SLF001
        seconds = user.wait_time() if user.wait_time else self.wait_time()
        if seconds > 0 or not self._yielding.yielded:
            self._sleep(seconds)
        self._yielding.yielded = False
        if user._state == LOCUST_STATE_STOPPING:  # noqa: SLF001
            raise StopUser
        user._state = LOCUST_STATE_RUNNING  # noqa: SLF001


class HttpUser(User, RestMixin[Any]):
    """A user with an HTTP client; its settings have the names of Locust's FastHttpUser."""

    abstract = True

    network_timeout: float = 60.0
    """Seconds for the whole response."""
    connection_timeout: float = 60.0
    """Seconds for connecting, TLS included."""
    max_redirects: int = 30
    insecure: bool = True
    """Whether any certificate is accepted."""
    default_headers: dict[str, str] | None = None
    ssl_context_factory: Callable[[], Any] | None = None
    """A method or static method that returns the SSLContext; called once for each user and server."""
    most_body_bytes: int = 64 * 1024 * 1024
    """A larger response is a failure, so that an endless one cannot fill the memory."""

    def __init__(self, environment: Any) -> None:  # noqa: ANN401 - Locust's environment
        super().__init__(environment)
        if self.host is None:
            raise StopTest("no base host: set host in the user class")
        self.client = self._harness_session = HttpSession(self)

    def start(self, group: Group) -> Any:  # noqa: ANN401 - the greenlet, which Locust leaves untyped
        """Start as Locust does, and close the connections at the end."""
        greenlet = super().start(group)
        greenlet.rawlink(lambda _: self.client.close())
        return greenlet

    def run(self) -> None:  # type: ignore[misc] # final in Locust
        self._state = LOCUST_STATE_RUNNING
        self._taskset_instance = TaskLoop(self, self._harness_session)
        try:
            try:
                self.on_start()
            except Exception as error:
                logger.error("%s\n%s", error, traceback.format_exc())  # noqa: TRY400 - as Locust logs it
                if not isinstance(error, (StopUser, StopTest)):
                    self.environment.events.user_error.fire(user_instance=self, exception=error, tb=error.__traceback__)
                raise
            self._taskset_instance.run()
        except (GreenletExit, StopUser, StopTest):
            self.on_stop()


def pace_tasks(take: Callable[[User], None]) -> None:
    """From now on users begin a task when ``take(user)`` returns; users with a fixed count keep their wait times."""
    for kind in (TaskSet, DefaultTaskSet):
        kind.execute_task = _paced(kind.execute_task, take)  # type: ignore[method-assign]
    waiting: tuple[Any, ...] = (TaskSet, TaskLoop)
    for kind in waiting:
        kind.wait = _unless_paced(kind.wait)


def _paced(execute: Callable[[TaskSet, Any], None], take: Callable[[User], None]) -> Callable[[TaskSet, Any], None]:
    def execute_task(task_set: TaskSet, task: Any) -> None:  # noqa: ANN401 - a function, a method or a class
        if not task_set.user.fixed_count and not (isclass(task) and issubclass(task, TaskSet)):
            take(task_set.user)
        execute(task_set, task)

    return execute_task


def _unless_paced(wait: Callable[[TaskSet], None]) -> Callable[[TaskSet], None]:
    def wait_or_go_on(task_set: TaskSet) -> None:
        if task_set.user.fixed_count:
            wait(task_set)
        elif task_set.user._state == LOCUST_STATE_STOPPING:  # noqa: SLF001 - as Locust's own wait does
            raise StopUser

    return wait_or_go_on
