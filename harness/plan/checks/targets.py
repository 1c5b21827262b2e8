"""Checks of targets: their places, metrics and tags, and the number of primary ones."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import assert_never

from harness.errors import Problem, nearest
from harness.metrics import Metric, Origin, ProcessRole, held_metric
from harness.plan.environment import Compose, External, Local
from harness.plan.expectation import Expectation, Form
from harness.plan.model import Plan
from harness.plan.readings import metric_of

_ACTIONS = {Origin.START: "started", Origin.MIGRATION: "migrated", Origin.PROCESSES: "watched"}
MOST_PRIMARY = 6
"""Required relative targets; more would need more evidence than a run of sensible length gives."""


def target_problems(plan: Plan) -> Iterator[Problem]:
    """Unknown stages, and duplicate claim ids."""
    titles = [stage.title for stage in plan.stages]
    unknown = {f"{where}.stage": place.stage for where, place in plan.places if place.stage not in {None, *titles}}
    for where, stage in unknown.items():
        yield Problem(where, f'no stage "{stage}"; {nearest(str(stage), titles)}')
    ids = [claim.id for claim in plan.claims]
    for index, name in enumerate(ids):
        if name in ids[:index]:
            yield Problem(f"claims[{index}].id", f'"{name}" is taken')


def reference_problems(plan: Plan) -> Iterator[Problem]:
    """Unknown tags, readings that never have a value, and profiles that scale a missing table."""
    unknown = {f"{where}.tag": target.tag for where, target in plan.judged if target.tag not in {None, *plan.tags}}
    for where, tag in unknown.items():
        near = nearest(str(tag), plan.tags) if plan.tags else "the plan has none: add [tags], or leave it out"
        yield Problem(where, f'no tag "{tag}"; {near}')
    yield from _reading_problems(plan)
    for name, profile in plan.profiles.items() if plan.answers is None else ():
        if profile.answers is not None:
            yield Problem(f"profiles.{name}.answers", "the plan asks for no answers: add [answers], or leave it out")


def _reading_problems(plan: Plan) -> Iterator[Problem]:
    """Readings of metrics that are not read, or of unknown services."""
    read = list(plan.environment.metrics.read) if plan.environment.metrics else []
    for name, gauge in plan.readings.items():
        where = f"readings.{name}"
        for key, series in gauge.named.items():
            if (metric := metric_of(series)) not in read:
                similar = get_close_matches(metric, read, n=1)
                fix = f'did you mean "{similar[0]}"?' if similar else f'add it to metrics = {{ read = ["{metric}"] }}'
                yield Problem(f"{where}.{key}", f'nothing reads "{metric}" in [environment]; {fix}')
        if gauge.service is not None and gauge.service not in plan.services:
            known = plan.services
            near = nearest(gauge.service, known) if known else "the one service has no name; leave it out"
            yield Problem(f"{where}.service", f'no service "{gauge.service}"; {near}')


def unmeasured_problems(plan: Plan) -> Iterator[Problem]:
    """Targets of metrics that the plan does not measure."""
    if plan.capacity and not plan.stress_loads:
        each = "rate" if plan.open else "number of users"
        yield Problem("capacity", f'is judged in stages of kind "stress"; add one for each {each} to try')
    for where, target in plan.judged:
        metric = target.expectation.metric
        for key in ("stage", "endpoint", "tag"):
            if metric.lacks(key) and getattr(target, key) is not None:
                yield Problem(f"{where}.{key}", f"{metric.name} is one value of a whole leg or arm; leave {key} out")
        if what := _unmeasured(plan, target.expectation):
            yield Problem(f"{where}.expect", what)
        if target.endpoint and metric.by_endpoint and plan.answers is None:
            what = "the cost of one endpoint is measured with the corpus: add [answers], or leave endpoint out"
            yield Problem(f"{where}.endpoint", what)


def _unmeasured(plan: Plan, expectation: Expectation) -> str:
    """Why this plan does not measure the metric of a target; empty when it does."""
    metric = expectation.metric
    match metric.origin:
        case Origin.STRESS:
            return _capacity_problem(plan, expectation)
        case origin if origin in _ACTIONS and isinstance(plan.environment, External):
            fix = f"a system that runs already is not {_ACTIONS[origin]} by the run; leave it out"
        case Origin.MIGRATION if not plan.arms["after"].revision:
            fix = "add environment.migrate and arms.after.revision, or leave it out"
        case Origin.MIGRATION_UNDER_LOAD if not (plan.migration and plan.migration.during):
            fix = "add [migration] with during = true, or leave it out"
        case Origin.FAULT if not plan.faults:
            fix = "add a fault, [[faults]], to recover from"
        case Origin.PROCESSES | Origin.STATEMENTS | Origin.TRIGGERS if server := _missing_server(plan, metric):
            fix = f"{server}, or leave it out"
        case _:
            return ""
    return f"nothing measures {metric.name}: {fix}"


def _missing_server(plan: Plan, metric: Metric) -> str:
    """How the plan gets the server that a metric is read from; empty when it has it."""
    cache = metric.process is ProcessRole.CACHE
    match plan.environment:
        case _ if metric.process is ProcessRole.SERVICE:
            return ""
        case Local() as local:
            role = ProcessRole.CACHE if cache else ProcessRole.DATABASE
            there, fix = role.value in local.provides, f'add "{role}" to environment.provides'
        case Compose() as compose:
            there = (compose.cache if cache else compose.database) is not None
            which = "that is" if metric.process else "is the database"
            fix = f"say which service {which}, environment.{'cache' if cache else 'database'}"
        case External() as external:
            there = bool(external.postgres) or all(arm.postgres for arm in plan.arms.values())
            fix = "give the address of the database, environment.postgres"
        case other:
            assert_never(other)
    return "" if there else fix


def _capacity_problem(plan: Plan, expectation: Expectation) -> str:
    """Why a target of capacity cannot be judged; empty when it can."""
    name, unit = expectation.metric.name, expectation.metric.unit
    measured = held_metric(rates=plan.open).name
    loads, held, more = (
        ("rates", "a rate is held", "a higher rate") if plan.open else ("users", "users are held", "more users")
    )
    if name != measured:
        return f"nothing measures {name}: the stages of this plan have {loads}; write {measured}"
    if not plan.capacity:
        return f'nothing measures {name}: define when {held}, as in [capacity] limit = ["p95 < 300 ms"]'
    if expectation.form is not Form.ABSOLUTE or not plan.stress_loads:
        return ""
    limit, largest = f"{expectation.limit:.10g}", plan.stress_loads[-1]
    if expectation.below:
        return f'{more} held is better; write "{name} >= {limit}"'
    has, fix = ("stress stage has", f"add one of {limit} or more")
    if plan.searched:
        has, fix = ("load that the search tries is", "raise its to")
    return f"the largest {has} {largest:.10g} {unit}; {fix}" if largest < expectation.limit else ""


def primary_problems(plan: Plan) -> Iterator[Problem]:
    """The primary targets beyond the sixth.

    Checked before a run only, since recorded runs may be older than this rule.
    """
    primary = [index for index, target in enumerate(plan.targets) if target.primary]
    for number, index in enumerate(primary[MOST_PRIMARY:], start=MOST_PRIMARY + 1):
        what = (
            f'"{plan.targets[index].expect}" is required target of a change {number}, and at most {MOST_PRIMARY} '
            'can fail a run, as each more makes a false alarm likelier: write severity = "advisory" here or in another'
        )
        yield Problem(f"targets[{index}].severity", what)
