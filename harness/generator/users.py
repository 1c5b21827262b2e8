"""Users: the Locust classes of a plan's user files, and the files that define them."""

import os
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import gevent
from locust import User, events, runners
from locust.argument_parser import get_parser
from locust.env import Environment
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING
from locust.util.load_locustfile import load_locustfile

from harness.generator.schedule.arrivals import Share
from harness.plan.environment import url_variable
from harness.plan.model import Plan


def load_users(paths: Sequence[Path]) -> list[type[User]]:
    """The user classes of user files; exits when a file has none, or two files have one of the same name."""
    users: dict[str, type[User]] = {}
    for path in paths:
        found, _ = load_locustfile(str(path))
        if not found:
            sys.exit(f"{path}: no Locust User class in it")
        if twice := users.keys() & found.keys():
            sys.exit(f"{path}: a user class {min(twice)} is also in another user file; rename one")
        users |= found
    return list(users.values())


def locust_environment(plan: Plan, users: Sequence[type[User]], host: str | None) -> Environment:
    """Locust's environment with the event hooks that user files listen on; a master has no ``host``."""
    assigned = None if host is None else assign_hosts(plan, users, host)
    environment = Environment(user_classes=list(users), host=assigned, events=events, reset_stats=False)
    environment.stop_timeout = plan.load.stop_seconds
    return environment


def open_user_classes(users: Sequence[type[User]]) -> list[type[User]]:
    """The classes whose users take the arrivals of an open plan: with a weight, without a fixed count."""
    return [kind for kind in users if kind.weight > 0 and not kind.fixed_count]


def fire_init(runner: runners.Runner) -> None:
    """Fire Locust's ``init`` for the listeners of user files; options that these add have their defaults."""
    environment = runner.environment
    environment.events.test_stopping.add_listener(_stop_users)
    environment.parsed_options = get_parser(default_config_files=[]).parse_args([], env_vars={})
    environment.events.init.fire(environment=environment, runner=runner, web_ui=None)


def _stop_users(environment: Environment, **_: object) -> None:
    """End the users as Locust does, but without a greenlet for each, which costs a third of what the users cost.

    Waiting users end at once, the others after their task; after ``stop_timeout`` the rest is killed.
    """
    if environment.runner is None or not environment.stop_timeout:
        return
    greenlets = list(environment.runner.user_greenlets)
    for greenlet in greenlets:
        user = greenlet.args[0] if greenlet.args else None  # empty while it ends
        if isinstance(user, User):
            state, user._state = user._state, LOCUST_STATE_STOPPING  # noqa: SLF001 - as User.stop does
            if state != LOCUST_STATE_RUNNING:
                greenlet.kill(block=False)
    gevent.joinall(greenlets, timeout=environment.stop_timeout)
    gevent.killall(greenlets)


def source_files(base: Path, paths: Sequence[Path]) -> list[Path]:
    """The user files and the modules that they import from their own folders."""
    folders = {base, *(path.parent for path in paths)}
    modules = [Path(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))]
    return sorted({*paths, *(path for path in modules if path.parent in folders and path.suffix == ".py")})


def set_user_variables(plan: Plan, seed: int, urls: Mapping[str, str] | None = None, share: Share = (0, 1)) -> None:
    """Set the environment variables that user files may read, and seed the process's random numbers.

    With several processes each has a random stream of its own: ``HARNESS_WORKER`` is its number, from 1 on, and
    ``HARNESS_WORKERS`` the number of processes. A single process has neither. ``seed`` is the same for every arm of a
    block; ``urls`` are by environment variable, and a service without one gets an unused address.
    """
    index, of = share
    os.environ.update(urls or {})
    for service in plan.services:
        os.environ.setdefault(url_variable(service), "http://127.0.0.1:9")  # unused while files are checked
    os.environ["HARNESS_SEED"] = str(seed)
    os.environ["HARNESS_SECONDS"] = f"{plan.seconds:.0f}"  # stages have whole seconds
    if of == 1:
        random.seed(seed)
        return
    os.environ["HARNESS_WORKER"], os.environ["HARNESS_WORKERS"] = str(index + 1), str(of)
    random.seed(f"{seed}-w{index + 1}")


def assign_hosts(plan: Plan, users: Sequence[type[User]], host: str) -> str | None:
    """Send users without a service of the plan to ``host``; returns Locust's host, ``None`` to keep those of users."""
    services = tuple(os.environ[url_variable(service)] for service in plan.services)
    for user in users:
        if not (user.host or "").startswith(services):
            user.host = host
    return None if services else host
