"""Checks of plans for external systems."""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from harness.errors import Problem
from harness.plan.environment import External
from harness.plan.model import ARMS, Plan

SERVERS = ("postgres", "redis")
"""The keys of server addresses for probes."""
SWITCHING = ("arm", "revision")
PLACEHOLDER = re.compile(r"(?<!\$)\{(\w+)\}")  # ${NAME} is the shell's
_PASSWORD = re.compile(r"://[^/@\s]*:(?!\$\{\w+\}@)[^/@\s]+@|\bpassword\s*=\s*(?!'?\$\{\w+\})\S", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")


def without_credentials(text: str) -> str:
    """A text without user names and passwords in addresses."""
    return _CREDENTIALS.sub("", text)


def external_problems(plan: Plan, environment: External) -> Iterator[Problem]:
    """Arms without an address, with different services, or with the same system."""
    for name in ARMS:
        if bool(plan.arms[name].url) == bool(plan.arms[name].urls):
            yield Problem(f"arms.{name}", "needs either url, where it runs, or urls of several services")
    before, after = (plan.arms[name] for name in ARMS)
    if set(before.urls) != set(after.urls):
        yield Problem("arms.after.urls", f"must name the services of arms.before: {', '.join(before.urls)}")
    elif (before.url, before.urls) == (after.url, after.urls) and not environment.switch:
        what = "both arms are at the same address; give environment.switch, the command that makes one of them answer"
        yield Problem("arms.after", what)
    if plan.attribution:
        yield Problem("attribution", 'needs an environment that is started, of kind "local" or "compose"')
    for key in ("switch", "reset"):
        command = getattr(environment, key) or ""
        yield from quote_problems(f"environment.{key}", command)
        yield from placeholder_problems(f"environment.{key}", PLACEHOLDER.findall(command), SWITCHING)
    yield from _password_problems(plan, environment)


def quote_problems(where: str, command: str) -> Iterator[Problem]:
    """Quotes that a shell could not parse."""
    try:
        shlex.split(command)
    except ValueError as error:
        yield Problem(where, f"cannot be split into words: {error}; fix its quotes")


def placeholder_problems(
    where: str, found: Iterable[str], known: Sequence[str], unlisted: Sequence[str] = ()
) -> Iterator[Problem]:
    """Placeholders that are neither ``known`` nor ``unlisted``, which the message does not name."""
    for name in found:
        if name not in {*known, *unlisted}:
            listed = ", ".join(f'"{{{one}}}"' for one in known)
            yield Problem(where, f'unknown placeholder "{{{name}}}"; known are {listed}')


def _password_problems(plan: Plan, environment: External) -> Iterator[Problem]:
    """Passwords in the plan, which every run folder and report would contain."""
    addresses = {f"environment.{key}": getattr(environment, key) or "" for key in SERVERS}
    for name, arm in plan.arms.items():
        addresses |= {f"arms.{name}.{key}": getattr(arm, key) or "" for key in ("url", *SERVERS)}
        addresses |= {f"arms.{name}.urls.{service}": url for service, url in arm.urls.items()}
    what = 'has a password, and the plan is copied into every run; put it into a variable and write "${NAME}" for it'
    return (Problem(where, what) for where, text in addresses.items() if _PASSWORD.search(text))
