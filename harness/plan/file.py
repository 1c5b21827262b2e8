"""Plan file: TOML in, a plan or messages with key paths out. Files named in a plan are not read here."""

import json
import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.errors import PlanError, Problem, nearest
from harness.plan.checks.commands import command_problems
from harness.plan.checks.external import without_credentials
from harness.plan.checks.faults import fault_problems
from harness.plan.checks.migration import migration_problems
from harness.plan.checks.stages import abort_problems, search_problems, stage_problems
from harness.plan.checks.steps import step_problems
from harness.plan.checks.targets import primary_problems, reference_problems, target_problems, unmeasured_problems
from harness.plan.checks.vacuous import vacuous_problems
from harness.plan.environment import KINDS
from harness.plan.model import Plan
from harness.plan.readings import Vocabulary

PLAIN = {"missing": "missing", "json_invalid": "nested too deeply"}  # all that TOML can say is JSON, up to a depth


def parse_plan(text: str, source: Path | str = "plan", profile: str | None = None) -> Plan:
    """Parse a plan, scaled by a profile when one is named.

    Raises ``PlanError`` naming the source and, for every problem, its key path and what to do.
    """
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PlanError(source, [Problem("", f"not valid TOML: {error}")]) from error
    whole = json.dumps(data, default=str)
    try:
        vocabulary = Vocabulary.model_validate_json(whole)
        plan = Plan.model_validate_json(whole, context=vocabulary)
    except ValidationError as error:
        raise PlanError(source, [_problem(detail) for detail in error.errors()]) from error
    if profile is not None:
        plan = _scaled(plan, profile, source)
    checks = (
        command_problems,
        stage_problems,
        search_problems,
        fault_problems,
        abort_problems,
        target_problems,
        reference_problems,
        unmeasured_problems,
        step_problems,
        migration_problems,
        vacuous_problems,
    )
    if problems := [problem for check in checks for problem in check(plan)]:
        raise PlanError(source, problems)
    return plan


def read_plan(path: Path, profile: str | None = None) -> tuple[Plan, str]:
    """Read a plan file for a run; returns the plan and the exact text of the file.

    Raises ``PlanError`` when the file cannot be read, has too many primary targets, or as ``parse_plan``.
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
    plan = parse_plan(text, path, profile)
    if problems := list(primary_problems(plan)):
        raise PlanError(path, problems)
    return plan, text


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


def _problem(detail: ErrorDetails) -> Problem:
    location = detail["loc"]
    kind = str(location[1]) if location[:1] == ("environment",) and len(location) > 1 else None
    if kind:  # the member of the union is no key of the file
        location = (location[0], *location[2:])
    where, parent = _key_path(location)
    match detail["type"]:
        case "extra_forbidden":
            known = _known_keys(parent, kind)
            return Problem(where, f"unknown key; {nearest(str(location[-1]), known)}")
        case "missing" | "json_invalid" as plain:
            return Problem(where, PLAIN[plain])
        case "union_tag_not_found":
            return Problem(f"{where}.kind", f"missing; known are {', '.join(KINDS)}")
        case "union_tag_invalid":
            return Problem(
                f"{where}.kind", f'no kind "{detail["ctx"]["tag"]}"; {nearest(detail["ctx"]["tag"], [*KINDS])}'
            )
        case "value_error":
            return Problem(where, str(detail["ctx"]["error"]))
        case _:
            return Problem(where, f"{detail['msg']} (got {without_credentials(repr(detail['input']))[:80]})")


def _key_path(location: tuple[int | str, ...]) -> tuple[str, tuple[str, ...]]:
    """``("stages", 1, "seconds")`` as ``stages[1].seconds``, and the names of its tables."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path, tuple(part for part in location[:-1] if isinstance(part, str))


def _known_keys(tables: tuple[str, ...], kind: str | None) -> list[str]:
    """The keys of the table at this path, from the types of the plan's fields."""
    models: list[type[BaseModel]] = [Plan]
    for table in tables:
        fields = [
            field for model in models for name, field in model.model_fields.items() if table in {name, field.alias}
        ]
        of_fields = [model for field in fields for model in _models(field.annotation)]
        inside: list[type[BaseModel]] = [KINDS[kind]] if kind and models == [Plan] else of_fields
        models = inside or models  # the keys of a mapping, such as the names of profiles, are no fields
    return [field.alias or name for model in models for name, field in model.model_fields.items()]


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models in an annotation, such as ``Step`` in ``tuple[Step, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
