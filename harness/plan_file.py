"""The plan file: TOML in, a plan or path-qualified messages out.

Reading a plan touches nothing but the text: whether its files exist is asked only when it is about to run.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.errors import PlanError, Problem
from harness.metric import Origin
from harness.plan import Arm, Capacity, Claim, Environment, Load, Plan, Profile, Stage, StageKind, Target
from harness.target import Expectation, Form

PLACEHOLDERS = {"serve": ("python", "port", "scale"), "seed": ("python", "scale"), "migrate": ("python", "revision")}


def parse_plan(text: str, source: Path | str = "plan", profile: str | None = None) -> Plan:
    """Read a plan from its TOML text, scaled by one of its profiles when one is named.

    Raises:
        PlanError: naming the source and, for every problem, its key path and what to do.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(source, [Problem("", f"not valid TOML: {error}")]) from error
    try:
        plan = Plan.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        raise PlanError(source, [_problem(detail) for detail in error.errors()]) from error
    if profile is not None:
        plan = _scaled(plan, profile, source)
    if problems := [*_command_problems(plan), *_stage_problems(plan), *_target_problems(plan), *_blind_problems(plan)]:
        raise PlanError(source, problems)
    return plan


def read_plan(path: Path, profile: str | None = None) -> tuple[Plan, str]:
    """Read a plan file; returns the plan, scaled when a profile is named, and the exact text it was read from.

    Raises:
        PlanError: when the file cannot be read, or as ``parse_plan``.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = get_close_matches(path.name, [p.name for p in path.parent.glob("*.toml")], n=1)
        hint = f'; did you mean "{path.parent / near[0]}"?' if near else ""
        raise PlanError(path, [Problem("", f"no such file{hint}")]) from None
    except UnicodeDecodeError as error:
        raise PlanError(path, [Problem("", f"not UTF-8 text (byte {error.start})")]) from error
    except OSError as error:
        raise PlanError(path, [Problem("", f"cannot be read: {error.strerror}")]) from error
    return parse_plan(text, path, profile), text


def fingerprint(text: str) -> str:
    """The first 12 hex digits of the SHA-256 of a plan's text."""
    return sha256(text.encode()).hexdigest()[:12]


def _scaled(plan: Plan, profile: str, source: Path | str) -> Plan:
    if profile not in plan.profiles:
        known = ", ".join(plan.profiles) or "none: add it, or run the plan as written"
        raise PlanError(source, [Problem(f"profiles.{profile}", f"no such profile; the plan has {known}")])
    try:
        return plan.scaled(profile)
    except ValidationError as error:
        problems = map(_problem, error.errors())
        why = f"under [profiles.{profile}]"
        raise PlanError(source, [Problem(p.where, f"{why}: {p.what}") for p in problems]) from error


def _command_problems(plan: Plan) -> list[Problem]:
    environment = plan.environment
    problems = []
    for key, known in PLACEHOLDERS.items():
        for name in re.findall(r"\{(\w+)\}", getattr(environment, key) or ""):
            if name not in known:
                listed = ", ".join(f'"{{{k}}}"' for k in known)
                problems.append(Problem(f"environment.{key}", f'unknown placeholder "{{{name}}}"; known are {listed}'))
    problems += [
        Problem(f"arms.{name}.revision", "needs environment.migrate, the command that applies it")
        for name, arm in plan.arms.items()
        if arm.revision and not environment.migrate
    ]
    return problems


def _stage_problems(plan: Plan) -> list[Problem]:
    problems = []
    first: dict[str, int] = {}
    for index, stage in enumerate(plan.stages):
        if stage.title in first:
            what = f'"{stage.title}" is also stages[{first[stage.title]}]; give each a name of its own'
            problems.append(Problem(f"stages[{index}].name", what))
        first.setdefault(stage.title, index)
    if not plan.stages:
        return [Problem("stages", "needs at least one [[stages]]")]
    if all(stage.kind is StageKind.RAMP for stage in plan.stages):
        problems.append(Problem("stages", "only ramps, which are never summarised; add a sustain stage"))
    return problems


def _target_problems(plan: Plan) -> list[Problem]:
    titles = [stage.title for stage in plan.stages]
    unknown = {
        f"{where}.stage": f'no stage "{target.stage}"; {_nearest(target.stage, titles)}'
        for where, target in plan.judged
        if target.stage is not None and target.stage not in titles
    }
    ids = [claim.id for claim in plan.claims]
    twice = {f"claims[{i}].id": f'"{name}" is taken' for i, name in enumerate(ids) if name in ids[:i]}
    return [Problem(where, what) for where, what in (unknown | twice).items()]


def _blind_problems(plan: Plan) -> Iterator[Problem]:
    """Targets of what cannot be measured, as the plan stands."""
    if plan.capacity and not plan.stress_users:
        yield Problem("capacity", 'is judged in stages of kind "stress"; add one for each number of users to try')
    for where, target in plan.judged:
        metric = target.expectation.metric
        for key in ("stage", "endpoint"):
            if metric.whole and getattr(target, key) is not None:
                yield Problem(f"{where}.{key}", f"{metric.name} is one value of a whole leg or arm; leave {key} out")
        if metric.origin is Origin.STRESS and (what := _blind_to_users(plan, target.expectation)):
            yield Problem(f"{where}.expect", what)
        if metric.origin is Origin.MIGRATION and not plan.arms["after"].revision:
            what = f"nothing measures {metric.name}: add environment.migrate and arms.after.revision, or leave it out"
            yield Problem(f"{where}.expect", what)


def _blind_to_users(plan: Plan, expectation: Expectation) -> str:
    """Why a target of users held cannot be judged; empty when it can."""
    name = expectation.metric.name
    if not plan.capacity:
        return f'nothing measures {name}: say when users are held, as in [capacity] limit = ["p95 < 300 ms"]'
    if expectation.form is not Form.ABSOLUTE or not plan.stress_users:
        return ""
    if expectation.below:
        return f'more users held is better; write "{name} >= {expectation.limit:g}"'
    if (largest := plan.stress_users[-1]) < expectation.limit:
        return f"the largest stress stage has {largest} users; add one of {expectation.limit:g} or more"
    return ""


def _problem(detail: ErrorDetails) -> Problem:
    where, parent = _key_path(detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            known = _known_keys(parent)
            return Problem(where, f"unknown key; {_nearest(str(detail['loc'][-1]), known)}")
        case "missing":
            return Problem(where, "missing")
        case "value_error":
            return Problem(where, str(detail["ctx"]["error"]))
        case _:
            return Problem(where, f"{detail['msg']} (got {detail['input']!r:.80})")


def _key_path(location: tuple[int | str, ...]) -> tuple[str, tuple[str, ...]]:
    """``("stages", 1, "seconds")`` as ``stages[1].seconds``, and the names of the tables it is in."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path, tuple(part for part in location[:-1] if isinstance(part, str))


def _known_keys(tables: tuple[str, ...]) -> list[str]:
    parts: dict[str, type[BaseModel]] = {
        "environment": Environment,
        "arms": Arm,
        "load": Load,
        "stages": Stage,
        "targets": Target,
        "claims": Claim,
        "profiles": Profile,
        "capacity": Capacity,
    }
    model: type[BaseModel] = parts[tables[0]] if tables else Plan
    return [field.alias or name for name, field in model.model_fields.items()]


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f'did you mean "{near[0]}"?' if near else f"known are {', '.join(known)}"
