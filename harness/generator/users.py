"""Users: the Locust classes of a plan's user files, and the files they are made of."""

import os
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import gevent
from locust import User, runners
from locust.argument_parser import get_parser
from locust.env import Environment
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING
from locust.util.load_locustfile import load_locustfile

from harness.plan.environment import url_variable
from harness.plan.model import Plan

UNUSED_URL = "http://127.0.0.1:9"
"""What user files find where they read an address while they are only checked."""


def load_users(paths: Sequence[Path]) -> list[type[User]]:
    """The user classes of user files.

    Raises:
        SystemExit: when a file has none, or two files have one of the same name.
    """
    users: dict[str, type[User]] = {}
    for path in paths:
        found, _ = load_locustfile(str(path))
        if not found:
            sys.exit(f"{path}: no Locust User class in it")
        if twice := users.keys() & found.keys():
            sys.exit(f"{path}: a user class {min(twice)} is also in another user file; rename one")
        users |= found
    return list(users.values())


def open_user_classes(users: Sequence[type[User]]) -> list[type[User]]:
    """The classes whose users take the arrivals of an open plan: those with a weight and without a fixed count."""
    return [kind for kind in users if kind.weight > 0 and not kind.fixed_count]


def fire_init(runner: runners.Runner) -> None:
    """Fire Locust's ``init`` for the listeners of user files, with what options they added at their defaults."""
    environment = runner.environment
    environment.events.test_stopping.add_listener(_stop_users)
    environment.parsed_options = get_parser(default_config_files=[]).parse_args([], env_vars={})
    environment.events.init.fire(environment=environment, runner=runner, web_ui=None)


def _stop_users(environment: Environment, **_: object) -> None:
    """End the users as Locust does, but without a greenlet for each, which is a third of all that they take.

    Those that wait end at once, the others after their task; what ``stop_timeout`` is too short for is cut off.
    """
    if environment.runner is None or not environment.stop_timeout:
        return
    greenlets = list(environment.runner.user_greenlets)
    for greenlet in greenlets:
        user = greenlet.args[0] if greenlet.args else None  # none: it is ending
        if isinstance(user, User):
            state, user._state = user._state, LOCUST_STATE_STOPPING  # noqa: SLF001 - as User.stop does
            if state != LOCUST_STATE_RUNNING:
                greenlet.kill(block=False)
    gevent.joinall(greenlets, timeout=environment.stop_timeout)
    gevent.killall(greenlets)


def source_files(base: Path, paths: Sequence[Path]) -> list[Path]:
    """The user files and what they import from their own folders."""
    folders = {base, *(path.parent for path in paths)}
    modules = [Path(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))]
    return sorted({*paths, *(path for path in modules if path.parent in folders and path.suffix == ".py")})


def set_user_variables(
    plan: Plan, seed: int, urls: Mapping[str, str] | None = None, share: tuple[int, int] = (0, 1)
) -> None:
    """Put what user files may read into the environment, and seed the process's random numbers.

    With several processes each has a stream of its own: ``HARNESS_WORKER`` is the number of this one, from 1 on, and
    ``HARNESS_WORKERS`` how many there are. One process alone has neither.

    Args:
        plan: the plan that runs.
        seed: of everything that users choose at random; the same for every arm of a block.
        urls: base URLs by environment variable; a service without one is nowhere.
        share: which of how many processes this is, the first is 0.
    """
    index, of = share
    os.environ.update(urls or {})
    for service in plan.services:
        os.environ.setdefault(url_variable(service), UNUSED_URL)
    os.environ["HARNESS_SEED"] = str(seed)
    os.environ["HARNESS_SECONDS"] = f"{plan.seconds:.0f}"  # stages have whole seconds
    if of == 1:
        random.seed(seed)
        return
    os.environ["HARNESS_WORKER"], os.environ["HARNESS_WORKERS"] = str(index + 1), str(of)
    random.seed(f"{seed}-w{index + 1}")


def assign_hosts(plan: Plan, users: Sequence[type[User]], host: str) -> str | None:
    """Send users that chose no service of the plan to ``host``; returns the host that Locust may give to all."""
    services = tuple(os.environ[url_variable(service)] for service in plan.services)
    for user in users:
        if not (user.host or "").startswith(services):
            user.host = host
    return None if services else host  # it would overrule the classes that chose their service
