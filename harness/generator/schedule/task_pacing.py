"""Task pacing: something other than wait times decides when Locust's users begin a task.

Replaces, in this process, the methods of Locust's task sets that begin a task and that wait.
"""

from collections.abc import Callable
from inspect import isclass
from typing import Any

from locust import TaskSet, User
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_STOPPING, DefaultTaskSet

from harness.generator.http.client import TaskLoop


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
