"""Checks of commands and arms, by kind of environment."""

import re
from collections.abc import Iterator

from harness.errors import Problem
from harness.plan.checks.external import external_problems
from harness.plan.environment import Compose, External, Local
from harness.plan.model import Plan

PLACEHOLDERS = {"serve": ("python", "port", "scale"), "seed": ("python", "scale"), "migrate": ("python", "revision")}


def command_problems(plan: Plan) -> list[Problem]:
    """Unknown placeholders, unsuitable keys of arms, and problems of the environment's kind."""
    match plan.environment:
        case Local() as local:
            commands = {key: getattr(local, key) for key in PLACEHOLDERS}
            extra, problems = (["service"] if local.services else []), _service_problems(local)
        case Compose() as compose:
            applied = {"seed": compose.seed, "migrate": compose.migrate}
            commands = {key: apply and (apply.command or apply.sql) for key, apply in applied.items()}
            extra, problems = [], []
        case External() as external:
            commands, extra, problems = {}, [], external_problems(plan, external)
    for key, text in commands.items():
        known = [name for name in PLACEHOLDERS[key] if name != "python" or isinstance(plan.environment, Local)]
        for name in re.findall(r"\{(\w+)\}", text or ""):
            if name not in {*known, "service"} or (name == "service" and not isinstance(plan.environment, Local)):
                listed = ", ".join(f'"{{{k}}}"' for k in [*known, *extra])
                problems.append(Problem(f"environment.{key}", f'unknown placeholder "{{{name}}}"; known are {listed}'))
    return [*problems, *_arm_problems(plan)]


def _arm_problems(plan: Plan) -> Iterator[Problem]:
    """Keys of arms that their kind of environment does not use, and revisions that no command applies."""
    kind = plan.environment.kind
    migrates = kind == "external" or getattr(plan.environment, "migrate", None)
    for name, arm in plan.arms.items():
        if arm.revision and not migrates:
            yield Problem(f"arms.{name}.revision", "needs environment.migrate, the command that applies it")
        keys = {
            "profiles": "compose",
            "start": "compose",
            "url": "external",
            "urls": "external",
            "postgres": "external",
            "redis": "external",
        }
        for key, of in keys.items():
            if getattr(arm, key) and kind != of:
                what = f'is for an environment of kind "{of}", this one is of kind "{kind}"'
                yield Problem(f"arms.{name}.{key}", what)


def _service_problems(environment: Local) -> list[Problem]:
    """``{service}`` without services, and missing ``{service}`` with several."""
    commands = {f"environment.{key}": text for key in PLACEHOLDERS if (text := getattr(environment, key))}
    inputs = {f"environment.seed_inputs[{i}]": text for i, text in enumerate(environment.seed_inputs)}
    if not environment.services:
        without = '"{service}" needs environment.services, the list of the names that it stands for'
        return [Problem(where, without) for where, text in (commands | inputs).items() if "{service}" in text]
    if len(environment.services) == 1:
        return []
    same = f'must contain "{{service}}", else all {len(environment.services)} services are the same'
    return [Problem(where, same) for where, text in commands.items() if "{service}" not in text]
