"""Checks of names: unknown tags, readings without a source, and profiles of missing tables."""

from collections.abc import Iterator
from difflib import get_close_matches

from harness.errors import Problem, nearest
from harness.plan.model import Plan
from harness.plan.readings import metric_of


def reference_problems(plan: Plan) -> Iterator[Problem]:
    """Unknown tags, readings that never have a value, and profiles that scale a missing table."""
    unknown = {f"{where}.tag": target.tag for where, target in plan.judged if target.tag not in {None, *plan.tags}}
    for where, tag in unknown.items():
        yield Problem(where, f'no tag "{tag}"; {_nearest(str(tag), list(plan.tags), "[tags]")}')
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
                near = get_close_matches(metric, read, n=1)
                fix = f'did you mean "{near[0]}"?' if near else f'add it to metrics = {{ read = ["{metric}"] }}'
                yield Problem(f"{where}.{key}", f'nothing reads "{metric}" in [environment]; {fix}')
        if gauge.service is not None and gauge.service not in plan.services:
            known = list(plan.services)
            what = f'no service "{gauge.service}"; {_nearest(gauge.service, known, "the one service has no name")}'
            yield Problem(f"{where}.service", what)


def _nearest(name: str, known: list[str], none: str) -> str:
    if not known:
        return f"the plan has none: add {none}, or leave it out" if none == "[tags]" else f"{none}; leave it out"
    return nearest(name, known)
