"""The tasks of a user one after the other, as Locust runs them, with less work between two of them.

Locust's loop stays in charge of how a task set begins and ends, what a task raises, and what it schedules; here the
next task begins directly after tasks and waits.
"""

from typing import Any

from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING, DefaultTaskSet

from harness.generator.http.session import HttpSession


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
