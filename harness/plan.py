"""Plan: what to run. One TOML file in, a frozen value or path-qualified messages out.

Reading a plan touches nothing but the text: whether its files exist is asked only when it is about to run.
"""

import json
import re
import tomllib
from difflib import get_close_matches
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from harness.errors import PlanError, Problem
from harness.target import Expectation, ExpectationError, parse_expectation

SCHEMA = 1
ARMS = ("before", "after")
DEFAULT_POSTGRES = {
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "shared_preload_libraries": "pg_stat_statements",
    "track_io_timing": "on",
}
PLACEHOLDERS = {"serve": ("python", "port", "scale"), "seed": ("python", "scale"), "migrate": ("python", "revision")}

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Users = Annotated[int, Field(ge=1, le=1_000_000)]


class StageKind(StrEnum):
    """What a stretch of load is for."""

    RAMP = "ramp"
    PEAK = "peak"
    SUSTAIN = "sustain"
    STRESS = "stress"
    ENDURANCE = "endurance"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Environment(_Part):
    """How the system under test starts, is reached and ends.

    Commands may use the ``PLACEHOLDERS`` and run in ``cwd`` (default: the plan's folder) with DATABASE_URL and
    REDIS_URL of the arm in their environment. What ``seed_inputs`` names (globs) is the seed's fingerprint: a seeded
    database is kept between runs until one of those files changes. Without it every run seeds anew.
    """

    kind: Literal["local", "compose", "external"]
    provides: tuple[Literal["postgres", "redis"], ...] = ()
    serve: str = Field(min_length=1)
    ready: str = Field(default="/", pattern=r"^/")
    seed: str | None = None
    seed_inputs: tuple[str, ...] = ()
    migrate: str | None = None
    scale: float = Field(default=1.0, gt=0, le=1000)
    cwd: str = "."
    env: dict[str, str] = {}
    postgres: dict[str, str] = {}
    ready_seconds: Seconds = 60.0
    command_seconds: Seconds = 900.0

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind != "local":
            raise ValueError(f'kind "{self.kind}" is not supported by this version; use "local"')
        if (self.seed or self.migrate) and "postgres" not in self.provides:
            raise ValueError('seed and migrate need a database: add "postgres" to provides')
        if "{port}" not in self.serve:
            raise ValueError('serve must contain "{port}", the port that it is to listen on')
        return self

    @property
    def postgres_settings(self) -> dict[str, str]:
        """The server settings in force: the defaults overlaid with the plan's."""
        return DEFAULT_POSTGRES | self.postgres


class Arm(_Part):
    """One side of the comparison: a database at a revision plus a release of the application."""

    revision: str | None = None
    env: dict[str, str] = {}


class Load(_Part):
    """Who makes the requests, how often the comparison is repeated, and the seed of every random choice."""

    users: tuple[str, ...] = Field(min_length=1)
    blocks: int = Field(default=8, ge=1, le=100)
    seed: int = Field(default=7, ge=0, lt=2**32)
    stop_seconds: Seconds = 65.0


class Stage(_Part):
    """A stretch of load. A ramp goes to its users linearly over its whole length, other kinds over ``ramp_seconds``."""

    kind: StageKind
    seconds: Seconds
    users: Users
    name: str = Field(default="", max_length=60)
    ramp_seconds: float = Field(default=0.0, ge=0)
    warmup_seconds: float = Field(default=0.0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _closed(cls, data: object) -> object:
        if isinstance(data, dict) and "rate" in data:
            raise ValueError("rate (open-loop arrivals) is not supported by this version; use users")
        return data

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.ramp_seconds > self.seconds:
            raise ValueError(f"ramp_seconds ({self.ramp_seconds:g}) is longer than the stage ({self.seconds:g})")
        if self.warmup_seconds >= self.seconds:
            raise ValueError(f"warmup_seconds ({self.warmup_seconds:g}) leaves nothing of the stage ({self.seconds:g})")
        if self.seconds != int(self.seconds):
            raise ValueError("seconds must be a whole number: the load changes on the second")
        return self

    @property
    def title(self) -> str:
        """The name by which targets refer to the stage."""
        return self.name or self.kind.value

    @property
    def climb_seconds(self) -> float:
        """How long the stage takes to reach its users."""
        return self.seconds if self.kind is StageKind.RAMP else self.ramp_seconds


class Target(_Part):
    """One statement to be judged. Without a stage it speaks of every stage but ramps, without an endpoint of all."""

    expect: str
    stage: str | None = None
    endpoint: str | None = None
    claim: str | None = None

    @field_validator("expect")
    @classmethod
    def _parses(cls, value: str) -> str:
        try:
            parse_expectation(value)
        except ExpectationError as error:
            raise ValueError(str(error)) from error
        return value

    @property
    def expectation(self) -> Expectation:
        """The parsed ``expect``."""
        return parse_expectation(self.expect)


class Claim(_Part):
    """What somebody said the migration does. Judged like targets and reported, but it decides no exit code.

    ``expect`` is how it is measured; a claim that cannot be measured says why in ``unmeasured`` instead. ``before`` and
    ``after`` are the claimed figures, as text.
    """

    id: str = Field(min_length=1, max_length=40)
    says: str = Field(min_length=1, max_length=300)
    before: str | None = None
    after: str | None = None
    expect: tuple[str, ...] = ()
    stage: str | None = None
    endpoint: str | None = None
    unmeasured: str | None = None

    @model_validator(mode="after")
    def _measured_or_not(self) -> Self:
        if bool(self.expect) == bool(self.unmeasured):
            raise ValueError("needs either expect, how it is measured, or unmeasured, why it is not")
        for text in self.expect:
            try:
                parse_expectation(text)
            except ExpectationError as error:
                raise ValueError(str(error)) from error
        return self

    @property
    def targets(self) -> tuple[Target, ...]:
        """What has to be met for the claim to hold."""
        return tuple(
            Target(expect=text, stage=self.stage, endpoint=self.endpoint, claim=self.id) for text in self.expect
        )


class Plan(_Part):
    """What to run: environment, arms, load, stages, targets and claims."""

    schema_: int = Field(alias="schema")
    name: str = Field(min_length=1, max_length=120)
    environment: Environment
    arms: dict[str, Arm]
    load: Load
    stages: tuple[Stage, ...]
    targets: tuple[Target, ...] = ()
    claims: tuple[Claim, ...] = ()

    @field_validator("schema_")
    @classmethod
    def _known_schema(cls, value: int) -> int:
        if value != SCHEMA:
            raise ValueError(f"this harness reads schema {SCHEMA}, the plan has {value}")
        return value

    @field_validator("arms")
    @classmethod
    def _two_arms(cls, value: dict[str, Arm]) -> dict[str, Arm]:
        if missing := [arm for arm in ARMS if arm not in value]:
            raise ValueError(f"needs [arms.{missing[0]}]")
        if extra := [arm for arm in value if arm not in ARMS]:
            raise ValueError(f'"{extra[0]}" is not an arm of this version; arms are before and after')
        return value

    @property
    def judged(self) -> list[tuple[str, Target]]:
        """Everything that is judged, targets and claims, with its key path."""
        targets = [(f"targets[{index}]", target) for index, target in enumerate(self.targets)]
        claims = [(f"claims[{index}]", target) for index, claim in enumerate(self.claims) for target in claim.targets]
        return targets + claims

    @property
    def seconds(self) -> float:
        """The length of the load of one leg."""
        return sum(stage.seconds for stage in self.stages)


def parse_plan(text: str, source: Path | str = "plan") -> Plan:
    """Read a plan from its TOML text.

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
    if problems := [*_command_problems(plan), *_stage_problems(plan), *_target_problems(plan)]:
        raise PlanError(source, problems)
    return plan


def read_plan(path: Path) -> tuple[Plan, str]:
    """Read a plan file; returns the plan and the exact text it was read from.

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
    return parse_plan(text, path), text


def fingerprint(text: str) -> str:
    """The first 12 hex digits of the SHA-256 of a plan's text."""
    return sha256(text.encode()).hexdigest()[:12]


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
    }
    model: type[BaseModel] = parts[tables[0]] if tables else Plan
    return [field.alias or name for name, field in model.model_fields.items()]


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f'did you mean "{near[0]}"?' if near else f"known are {', '.join(known)}"


def dump(plan: Plan) -> dict[str, Any]:
    """The plan as plain data, defaults included, for the report."""
    return plan.model_dump(mode="json", by_alias=True)
