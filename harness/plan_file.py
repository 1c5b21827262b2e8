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
from harness.metric import METRICS, Origin, Scale
from harness.objections.blind import blind_problems
from harness.objections.during import during_problems
from harness.objections.external import external_problems, without_credentials
from harness.objections.faults import fault_problems
from harness.objections.search import search_problems
from harness.objections.targets import abort_problems, primary_problems
from harness.objections.words import word_problems
from harness.parts.abort import Abort
from harness.parts.alert import Alert
from harness.parts.corpus import Corpus
from harness.parts.during import During
from harness.parts.fault import Fault
from harness.parts.gauge import Gauge
from harness.parts.judgement import Judgement
from harness.parts.stage import SLOWEST_CLIMB, Search, Stage, StageKind
from harness.parts.system import Apply, Compose, External, Limits, Local, Metrics, Server
from harness.parts.target import Expectation, Form
from harness.parts.vocabulary import Vocabulary
from harness.plan import (
    ARMS,
    Arm,
    Capacity,
    Chain,
    Claim,
    Load,
    Plan,
    Profile,
    Step,
    Target,
)

KINDS: dict[str, type[BaseModel]] = {"local": Local, "compose": Compose, "external": External}
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
    whole = json.dumps(data, default=str)
    try:
        words = Vocabulary.model_validate_json(whole)
        plan = Plan.model_validate_json(whole, context=words)
    except ValidationError as error:
        raise PlanError(source, [_problem(detail) for detail in error.errors()]) from error
    if profile is not None:
        plan = _scaled(plan, profile, source)
    checks = (
        _command_problems,
        _stage_problems,
        search_problems,
        fault_problems,
        abort_problems,
        _target_problems,
        word_problems,
        _blind_problems,
        _chain_problems,
        during_problems,
        blind_problems,
    )
    if problems := [problem for check in checks for problem in check(plan)]:
        raise PlanError(source, problems)
    return plan


def read_plan(path: Path, profile: str | None = None) -> tuple[Plan, str]:
    """Read a plan file to run it; returns the plan, scaled when a profile is named, and the exact text of the file.

    Raises:
        PlanError: when the file cannot be read, has too many primary targets, or as ``parse_plan``.
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


def _command_problems(plan: Plan) -> list[Problem]:
    """What is wrong with commands and arms, for the kind of environment that the plan has."""
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
    """Keys of arms that their kind of environment has no use for, and revisions that nothing applies."""
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
    """Where ``{service}`` stands without services, and where it is missing although there are several."""
    commands = {f"environment.{key}": text for key in PLACEHOLDERS if (text := getattr(environment, key))}
    inputs = {f"environment.seed_inputs[{i}]": text for i, text in enumerate(environment.seed_inputs)}
    if not environment.services:
        without = '"{service}" needs environment.services, the list of the names that it stands for'
        return [Problem(where, without) for where, text in (commands | inputs).items() if "{service}" in text]
    if len(environment.services) == 1:
        return []
    same = f'must contain "{{service}}", else all {len(environment.services)} services are the same'
    return [Problem(where, same) for where, text in commands.items() if "{service}" not in text]


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
    return [*problems, *_load_problems(plan)]


def _load_problems(plan: Plan) -> list[Problem]:
    """A mixture of open and closed stages, and ramps that would not take place."""
    problems = []
    for index, stage in enumerate(plan.stages):
        before, where = plan.stages[index - 1].load if index else 0.0, f"stages[{index}]"
        if (stage.rate is None) == plan.open:
            what = "missing, and stages[0] has one" if plan.open else "stages[0] has none"
            problems.append(Problem(f"{where}.rate", f"{what}; say rate in all stages of a plan or in none"))
        elif stage.climb_seconds and stage.load == before:
            fix = "make it another kind" if stage.kind is StageKind.RAMP else "remove it"
            key = "kind" if stage.kind is StageKind.RAMP else "ramp_seconds"
            problems.append(Problem(f"{where}.{key}", f"a ramp from {before:g} to {stage.load:g} is none; {fix}"))
        elif stage.climb_seconds and not plan.open and abs(stage.load - before) / stage.climb_seconds < SLOWEST_CLIMB:
            what = f"moves less than {SLOWEST_CLIMB:g} users per second, slower than Locust can; make it shorter"
            problems.append(Problem(f"{where}.seconds", what))
    if plan.load.arrivals and not plan.open:
        what = "says how the arrivals of a rate are spaced, and no stage has a rate; remove it"
        problems.append(Problem("load.arrivals", what))
    return problems


def _target_problems(plan: Plan) -> list[Problem]:
    titles = [stage.title for stage in plan.stages]
    unknown = {
        f"{where}.stage": f'no stage "{place.stage}"; {_nearest(place.stage, titles)}'
        for where, place in plan.places
        if place.stage is not None and place.stage not in titles
    }
    ids = [claim.id for claim in plan.claims]
    twice = {f"claims[{i}].id": f'"{name}" is taken' for i, name in enumerate(ids) if name in ids[:i]}
    return [Problem(where, what) for where, what in (unknown | twice).items()]


def _chain_problems(plan: Plan) -> list[Problem]:
    if plan.attribution is None:
        return []
    return [*_way_problems(plan.attribution.steps, plan.arms), *_metric_problems(plan.attribution.metrics)]


def _way_problems(steps: tuple[Step, ...], arms: dict[str, Arm]) -> list[Problem]:
    """What keeps the steps from leading from before to after, each changing something."""
    problems = []
    names = [step.name for step in steps]
    arm, last = arms["before"], "arms.before"
    for index, step in enumerate(steps):
        where = f"attribution.steps[{index}]"
        if step.name in (*ARMS, *names[:index]):
            problems.append(Problem(f"{where}.name", f'"{step.name}" is taken; give the step a name of its own'))
        if step.applied_to(arm) == arm:
            what = f"changes nothing; give it a revision or an env that differs from those of {last}"
            problems.append(Problem(where, what))
        arm, last = step.applied_to(arm), where
    if differences := _differences(arm, arms["after"]):
        problems.append(Problem(last, f"does not arrive at arms.after: {'; '.join(differences)}"))
    return problems


def _differences(end: Arm, after: Arm) -> list[str]:
    names = sorted(end.env.keys() | after.env.keys())
    pairs = [
        ("revision", end.revision, after.revision),
        ("profiles", ",".join(end.profiles) or None, ",".join(after.profiles) or None),
        *((f"env {n}", end.env.get(n), after.env.get(n)) for n in names),
    ]
    return [
        f"{name} is {json.dumps(end_value) if end_value is not None else 'not set'}, arms.after "
        + (f"has {json.dumps(value)}" if value is not None else "does not set it, which no step can undo")
        for name, end_value, value in pairs
        if end_value != value
    ]


def _metric_problems(names: tuple[str, ...]) -> list[Problem]:
    known = [
        metric.name for metric in METRICS.values() if metric.scale is Scale.LOG and metric.origin is Origin.REQUESTS
    ]
    problems = []
    for index, name in enumerate(names):
        where = f"attribution.metrics[{index}]"
        if name in names[:index]:
            problems.append(Problem(where, f'"{name}" is listed twice'))
        elif name in METRICS and name not in known:
            what = f"{name} changes by points, which steps cannot share out; known are {', '.join(known)}"
            problems.append(Problem(where, what))
        elif name not in known:
            problems.append(Problem(where, f'nothing measures "{name}"; {_nearest(name, known)}'))
    return problems


def _blind_problems(plan: Plan) -> Iterator[Problem]:
    """Targets of what cannot be measured, as the plan stands."""
    if plan.capacity and not plan.stress_loads:
        each = "rate" if plan.open else "number of users"
        yield Problem("capacity", f'is judged in stages of kind "stress"; add one for each {each} to try')
    for where, target in plan.judged:
        metric = target.expectation.metric
        for key in ("stage", "endpoint", "tag"):
            if metric.lacks(key) and getattr(target, key) is not None:
                yield Problem(f"{where}.{key}", f"{metric.name} is one value of a whole leg or arm; leave {key} out")
        if metric.origin is Origin.STRESS and (what := _blind_to_load(plan, target.expectation)):
            yield Problem(f"{where}.expect", what)
        migrates = plan.environment.kind != "external"
        if metric.origin is Origin.MIGRATION and migrates and not plan.arms["after"].revision:
            what = f"nothing measures {metric.name}: add environment.migrate and arms.after.revision, or leave it out"
            yield Problem(f"{where}.expect", what)


def _blind_to_load(plan: Plan, expectation: Expectation) -> str:
    """Why a target of users or of a rate held cannot be judged; empty when it can."""
    name, unit = expectation.metric.name, expectation.metric.unit
    measured, held = ("rate_held", "a rate is held") if plan.open else ("users_held", "users are held")
    if name != measured:
        loads = "rates" if plan.open else "users"
        return f"nothing measures {name}: the stages of this plan have {loads}; write {measured}"
    if not plan.capacity:
        return f'nothing measures {name}: say when {held}, as in [capacity] limit = ["p95 < 300 ms"]'
    if expectation.form is not Form.ABSOLUTE or not plan.stress_loads:
        return ""
    if expectation.below:
        more = "a higher rate" if plan.open else "more users"
        return f'{more} held is better; write "{name} >= {expectation.limit:.10g}"'
    if (largest := plan.stress_loads[-1]) < expectation.limit:
        has, fix = ("stress stage has", f"add one of {expectation.limit:.10g} or more")
        if plan.searched:
            has, fix = "load that the search tries is", "raise its to"
        return f"the largest {has} {largest:.10g} {unit}; {fix}"
    return ""


def _problem(detail: ErrorDetails) -> Problem:
    location = detail["loc"]
    kind = str(location[1]) if location[0] == "environment" and len(location) > 1 else None
    if kind:  # the member of the union is no key of the file
        location = (location[0], *location[2:])
    where, parent = _key_path(location)
    match detail["type"]:
        case "extra_forbidden":
            known = _known_keys(parent, kind)
            return Problem(where, f"unknown key; {_nearest(str(location[-1]), known)}")
        case "missing":
            return Problem(where, "missing")
        case "union_tag_not_found":
            return Problem(f"{where}.kind", f"missing; known are {', '.join(KINDS)}")
        case "union_tag_invalid":
            return Problem(
                f"{where}.kind", f'no kind "{detail["ctx"]["tag"]}"; {_nearest(detail["ctx"]["tag"], [*KINDS])}'
            )
        case "value_error":
            return Problem(where, str(detail["ctx"]["error"]))
        case _:
            return Problem(where, f"{detail['msg']} (got {without_credentials(repr(detail['input']))[:80]})")


def _key_path(location: tuple[int | str, ...]) -> tuple[str, tuple[str, ...]]:
    """``("stages", 1, "seconds")`` as ``stages[1].seconds``, and the names of the tables it is in."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path, tuple(part for part in location[:-1] if isinstance(part, str))


def _known_keys(tables: tuple[str, ...], kind: str | None) -> list[str]:
    parts: dict[str, type[BaseModel]] = {
        "arms": Arm,
        "load": Load,
        "stages": Stage,
        "targets": Target,
        "claims": Claim,
        "attribution": Chain,
        "profiles": Profile,
        "capacity": Capacity,
        "answers": Corpus,
        "faults": Fault,
        "migration": During,
        "judgement": Judgement,
        "aborts": Abort,
        "alerts": Alert,
        "readings": Gauge,
    }
    nested: dict[str, type[BaseModel]] = {
        "steps": Step,
        "seed": Apply,
        "migrate": Apply,
        "database": Server,
        "limits": Limits,
        "metrics": Metrics,
        "search": Search,
    }
    if not tables:
        model: type[BaseModel] = Plan
    elif len(tables) > 1 and tables[1] in nested:
        model = nested[tables[1]]
    else:
        model = KINDS[kind] if kind else parts[tables[0]]
    return [field.alias or name for name, field in model.model_fields.items()]


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f'did you mean "{near[0]}"?' if near else f"known are {', '.join(known)}"
