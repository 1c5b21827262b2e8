"""Checks of plans for external systems."""

import re
import shlex
from collections.abc import Iterator

from harness.errors import Problem
from harness.metrics import Origin
from harness.plan.environment import External
from harness.plan.model import ARMS, PLACEBO, Plan

SERVERS = ("postgres", "redis")
"""The keys of server addresses for probes."""
SWITCHING = ("arm", "revision")
PLACEHOLDER = re.compile(r"(?<!\$)\{(\w+)\}")  # ${NAME} is the shell's
_PASSWORD = re.compile(r"://[^/@\s]*:(?!\$\{\w+\}@)[^/@\s]+@|\bpassword\s*=\s*(?!'?\$\{\w+\})\S", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")
_ACTIONS = {Origin.START: "started", Origin.MIGRATION: "migrated", Origin.PROCESSES: "watched"}


def without_credentials(text: str) -> str:
    """A text without user names and passwords in addresses."""
    return _CREDENTIALS.sub("", text)


def external_problems(plan: Plan, environment: External) -> list[Problem]:
    """Arms without an address, with different services, or with the same system."""
    problems = []
    for name in ARMS:
        arm = plan.arms[name]
        if bool(arm.url) == bool(arm.urls):
            problems.append(Problem(f"arms.{name}", "needs either url, where it runs, or urls of several services"))
    before, after = (plan.arms[name] for name in ARMS)
    if set(before.urls) != set(after.urls):
        problems.append(Problem("arms.after.urls", f"must name the services of arms.before: {', '.join(before.urls)}"))
    elif (before.url, before.urls) == (after.url, after.urls) and not environment.switch:
        what = "both arms are at the same address; give environment.switch, the command that makes one of them answer"
        problems.append(Problem("arms.after", what))
    if PLACEBO in plan.arms:
        problems.append(Problem(f"arms.{PLACEBO}", "a system that runs already is not vacuumed; leave it out"))
    if plan.attribution:
        problems.append(Problem("attribution", 'needs an environment that is started, of kind "local" or "compose"'))
    return [
        *problems,
        *_switching_problems(environment),
        *_password_problems(plan, environment),
        *_unmeasured_problems(plan),
    ]


def quote_problems(where: str, command: str) -> Iterator[Problem]:
    """Quotes that a shell could not parse."""
    try:
        shlex.split(command)
    except ValueError as error:
        yield Problem(where, f"cannot be split into words: {error}; fix its quotes")


def _switching_problems(environment: External) -> Iterator[Problem]:
    """Problems of the commands of external systems."""
    for key in ("switch", "reset"):
        text = getattr(environment, key) or ""
        yield from quote_problems(f"environment.{key}", text)
        for name in PLACEHOLDER.findall(text):
            if name not in SWITCHING:
                listed = ", ".join(f'"{{{known}}}"' for known in SWITCHING)
                yield Problem(f"environment.{key}", f'unknown placeholder "{{{name}}}"; known are {listed}')


def _password_problems(plan: Plan, environment: External) -> Iterator[Problem]:
    """Passwords in the plan, which every run folder and report would contain."""
    addresses = {f"environment.{key}": getattr(environment, key) or "" for key in SERVERS}
    for name, arm in plan.arms.items():
        addresses |= {f"arms.{name}.{key}": getattr(arm, key) or "" for key in ("url", *SERVERS)}
        addresses |= {f"arms.{name}.urls.{service}": url for service, url in arm.urls.items()}
    what = 'has a password, and the plan is copied into every run; put it into a variable and write "${NAME}" for it'
    return (Problem(where, what) for where, text in addresses.items() if _PASSWORD.search(text))


def _unmeasured_problems(plan: Plan) -> Iterator[Problem]:
    """Targets that cannot be measured on a system that the harness neither starts nor migrates."""
    for where, target in plan.judged:
        metric = target.expectation.metric
        if done := _ACTIONS.get(metric.origin):
            what = f"nothing measures {metric.name}: a system that runs already is not {done} by the run; leave it out"
            yield Problem(f"{where}.expect", what)
