"""Expectations: the grammar of ``expect``.

p95 < 300 ms                          absolute: of the after arm
error_rate < 0.1 %
p50 falls by 79 %                     the change from before to after is at least this
rps rises by 150 %
p99 rises by at most 5 % and 2 ms     no regression: smaller than the larger of the two allowances
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from harness.errors import nearest
from harness.metrics import METRICS, Better, Metric, Scale, Unit

FORMS = '"p95 < 300 ms", "p50 falls by 79 %", "p99 rises by at most 5 % and 2 ms", "cache_hit_rate > 80 %"'

_ABSOLUTE = re.compile(r"(?P<metric>\S+)\s*(?P<relation><=|>=|<|>)\s*(?P<number>[-+.\d]+)\s*(?P<unit>\S*)")
_RELATIVE = re.compile(
    r"(?P<metric>\S+)\s+(?P<verb>falls|rises)\s+by\s+(?P<most>at\s+most\s+)?(?P<number>[-+.\d]+)\s*%"
    r"(?:\s+and\s+(?P<floor>[-+.\d]+)\s*(?P<unit>\S+))?"
)
_UNITS: dict[Unit, dict[str, float]] = {
    Unit.MS: {"ms": 1.0, "s": 1000.0, "us": 0.001, "µs": 0.001},
    Unit.PER_SECOND: {"": 1.0, "req/s": 1.0, "/s": 1.0, "rps": 1.0},
    Unit.FRACTION: {"%": 0.01, "": 1.0},
    Unit.COUNT: {"": 1.0},
    Unit.WHOLE: {"": 1.0},
    Unit.USERS: {"": 1.0, "users": 1.0},
    Unit.SECONDS: {"s": 1.0, "ms": 0.001, "min": 60.0},
    Unit.MEGABYTES: {"MB": 1.0, "GB": 1000.0, "kB": 0.001},
}


class Form(StrEnum):
    """The kind of an expectation."""

    ABSOLUTE = "absolute"
    IMPROVEMENT = "improvement"
    NO_REGRESSION = "no regression"


class ExpectationError(ValueError):
    """The text is not an expectation; the message has the correct form."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """A parsed ``expect`` of a target, claim, abort or alert."""

    metric: Metric
    form: Form
    limit: float  # absolute: in the metric's stored unit; relative: the change as a fraction (0.79 for 79 %)
    below: bool  # absolute: the value must stay below the limit; relative: the change is a decrease
    floor: float = 0.0  # no regression: the absolute allowance in the metric's stored unit

    def allows(self, value: float) -> bool:
        """Whether a value meets an absolute expectation; the limit itself does."""
        return value <= self.limit if self.below else value >= self.limit

    def exceeded_by(self, value: float) -> bool:
        """Whether a value is beyond the limit in its direction; the limit itself is not."""
        return value < self.limit if self.below else value > self.limit

    def require_worse(self, event: str) -> None:
        """Raise ``ExpectationError`` where values beyond the limit are an improvement."""
        if self.below is (self.metric.better is Better.LOWER):
            sign = ">" if self.below else "<"
            raise ExpectationError(f'that would {event} on an improvement; write "{self.metric.name} {sign} ..."')


def parse_expectation(text: str, metrics: Mapping[str, Metric] = METRICS) -> Expectation:
    """Parse one ``expect`` line; raises ``ExpectationError`` with the nearest valid metric, unit or form."""
    line = text.strip()
    if match := _ABSOLUTE.fullmatch(line):
        metric = _metric(match["metric"], metrics)
        limit = _number(match["number"]) * _factor(metric, match["unit"])
        _sensible_fraction(metric, limit, match["unit"])
        return Expectation(metric, Form.ABSOLUTE, limit, below=match["relation"].startswith("<"))
    if match := _RELATIVE.fullmatch(line):
        return _relative(match, metrics)
    raise ExpectationError(f'cannot read "{text}"; a target looks like {FORMS}')


def _relative(match: re.Match[str], metrics: Mapping[str, Metric]) -> Expectation:
    metric = _metric(match["metric"], metrics)
    change, falls = _number(match["number"]) / 100, match["verb"] == "falls"
    if metric.origin.once:
        raise ExpectationError(f'{metric.name} is measured once in a run: give it a limit, as in "{_limit_of(metric)}"')
    if metric.scale is not Scale.LOG:
        raise ExpectationError(f'{metric.name} is judged by its limit, as in "{metric.name} < 0.1 %"')
    if falls and change >= 1:
        raise ExpectationError("nothing falls by 100 % or more")
    improves = falls == (metric.better is Better.LOWER)
    if match["most"]:
        if improves:
            raise ExpectationError(f'for {metric.name} "{match["verb"]} by at most" would limit an improvement')
        floor = _number(match["floor"]) * _factor(metric, match["unit"]) if match["floor"] else 0.0
        return Expectation(metric, Form.NO_REGRESSION, change, below=falls, floor=floor)
    if not improves:
        raise ExpectationError(f'for {metric.name} that is a regression; write "{match["verb"]} by at most"')
    if match["floor"]:
        raise ExpectationError('"and ..." goes with "by at most" only')
    return Expectation(metric, Form.IMPROVEMENT, change, below=falls)


def _limit_of(metric: Metric) -> str:
    """An example limit of a metric."""
    limits = {Unit.SECONDS: "< 30 s", Unit.MS: "< 500 ms"}
    more = ">=" if metric.better is Better.HIGHER else "<="
    return f"{metric.name} {limits.get(metric.unit, f'{more} 1')}"


def _metric(name: str, metrics: Mapping[str, Metric]) -> Metric:
    if name in metrics:
        return metrics[name]
    raise ExpectationError(f'nothing measures "{name}"; {nearest(name.lower(), metrics)}')


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ExpectationError(f'"{text}" is not a number') from None
    if value < 0:
        raise ExpectationError(f"{text} is negative; write the size of the change, its direction is in the verb")
    return value


def _factor(metric: Metric, unit: str) -> float:
    units = _UNITS[metric.unit]
    if unit not in units:
        known = " or ".join(f'"{u}"' if u else "no unit" for u in units)
        raise ExpectationError(f'{metric.name} is given in {known}, not "{unit}"')
    return units[unit]


def _sensible_fraction(metric: Metric, limit: float, unit: str) -> None:
    if metric.unit is Unit.FRACTION and limit > 1:
        hint = "" if unit == "%" else f'; did you mean "{limit:g} %"?'
        raise ExpectationError(f"{metric.name} never exceeds 100 %{hint}")
