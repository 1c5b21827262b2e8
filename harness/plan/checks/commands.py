"""Checks of commands and arms, by kind of environment."""

import re
from collections.abc import Iterator
from typing import assert_never

from harness.errors import Problem
from harness.plan.checks.external import external_problems, placeholder_problems
from harness.plan.environment import Compose, External, Local
from harness.plan.model import PLACEBO, Plan

PLACEHOLDERS = {"serve": ("port", "scale"), "seed": ("scale",), "migrate": ("revision",)}
_KINDS_OF_KEYS = {"compose": ("profiles", "start"), "external": ("url", "urls", "postgres", "redis")}


def command_problems(plan: Plan) -> Iterator[Problem]:
    """Unknown placeholders, unsuitable keys of arms, and problems of the environment's kind."""
    match plan.environment:
        case Local() as local:
            yield from _service_problems(local)
            service = ("service",) if local.services else ()
            for key, known in PLACEHOLDERS.items():
                found = _placeholders(getattr(local, key))
                yield from placeholder_problems(f"environment.{key}", found, ("python", *known, *service), ["service"])
        case Compose() as compose:
            for key, apply in (("seed", compose.seed), ("migrate", compose.migrate)):
                found = _placeholders(apply.command or apply.sql) if apply else []
                yield from placeholder_problems(f"environment.{key}", found, PLACEHOLDERS[key])
        case External() as external:
            yield from external_problems(plan, external)
        case other:
            assert_never(other)
    yield from _arm_problems(plan)


def _placeholders(command: str | None) -> list[str]:
    return re.findall(r"\{(\w+)\}", command or "")


def _arm_problems(plan: Plan) -> Iterator[Problem]:
    """Keys of arms that their kind of environment does not use, and revisions that no command applies."""
    kind = plan.environment.kind
    migrates = not plan.environment.starts or getattr(plan.environment, "migrate", None)
    if PLACEBO in plan.arms and not plan.environment.own_database:
        what = "is before with its tables vacuumed, and the run starts no database; leave it out"
        yield Problem(f"arms.{PLACEBO}", what)
    for name, arm in plan.arms.items():
        if arm.revision and not migrates:
            yield Problem(f"arms.{name}.revision", "needs environment.migrate, the command that applies it")
        for of, keys in _KINDS_OF_KEYS.items():
            for key in keys if of != kind else ():
                if getattr(arm, key):
                    what = f'is for an environment of kind "{of}", this one is of kind "{kind}"'
                    yield Problem(f"arms.{name}.{key}", what)


def _service_problems(environment: Local) -> Iterator[Problem]:
    """``{service}`` without services, and missing ``{service}`` with several."""
    commands = {f"environment.{key}": text for key in PLACEHOLDERS if (text := getattr(environment, key))}
    inputs = {f"environment.seed_inputs[{i}]": text for i, text in enumerate(environment.seed_inputs)}
    if not environment.services:
        without = '"{service}" needs environment.services, the list of the names that it stands for'
        yield from (Problem(where, without) for where, text in (commands | inputs).items() if "{service}" in text)
    elif len(environment.services) > 1:
        same = f'must contain "{{service}}", else all {len(environment.services)} services are the same'
        yield from (Problem(where, same) for where, text in commands.items() if "{service}" not in text)
