"""Aborts: limits that end the load early.

p90 > 1 s for 10 s            over all requests that finished in the last ten seconds
error_rate > 20 % for 5 s
rps < 1 for 10 s              no request succeeds any more
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, field_validator

from harness.metrics import METRICS, Metric, RequestCounts
from harness.plan.expectation import Expectation, ExpectationError, parse_expectation
from harness.plan.stages import PlanTable

FORMS = '"p90 > 1 s for 10 s", "error_rate > 20 % for 5 s", "rps < 1 for 10 s"'
LONGEST_SECONDS = 3600
_WHEN = re.compile(r"(?P<limit>.*[<>].*?)\s+for\s+(?P<seconds>\S+)\s*s")


@dataclass(frozen=True, slots=True)
class AbortLimit:
    """A parsed ``when``: a metric of all requests of the last ``seconds``, and its limit."""

    beyond: Expectation
    seconds: int

    @property
    def metric(self) -> Metric:
        return self.beyond.metric

    def value(self, counts: RequestCounts, quantile: Callable[[float], float | None]) -> float | None:
        """The metric over a window, in its stored unit; ``None`` with too few requests. ``quantile`` is in ms."""
        metric = self.metric
        if metric.quantile is not None:
            return quantile(float(metric.quantile)) if counts.successes >= metric.min_samples else None
        return metric.from_counts(counts) if metric.from_counts is not None else None


def parse_abort(text: str) -> AbortLimit:
    """Parse one ``when`` line; raises ``ExpectationError`` with the correct form."""
    match = _WHEN.fullmatch(text.strip())
    if match is None:
        raise ExpectationError(f'cannot read "{text}"; an abort looks like {FORMS}')
    if not match["seconds"].isdecimal() or not 1 <= int(match["seconds"]) <= LONGEST_SECONDS:
        what = f"say whole seconds, from 1 to {LONGEST_SECONDS}"
        raise ExpectationError(f'"for {match["seconds"]} s": {what}, as in "for 10 s"')
    beyond = parse_expectation(match["limit"])
    metric = beyond.metric
    if not metric.live:
        known = ", ".join(one.name for one in METRICS.values() if one.live)
        raise ExpectationError(f"{metric.name} is not known while the load runs; known are {known}")
    beyond.require_worse("end the load")
    return AbortLimit(beyond, int(match["seconds"]))


class Abort(PlanTable):
    """Ends the load of a leg, and the run with it, because going on would be dangerous or pointless.

    Without a ``stage`` it watches the whole load, ramps included, without an ``endpoint`` all requests together. The
    first ``grace_seconds`` of the stage, or of the load, do not count. It ends only legs of ``arms``.
    """

    when: str
    stage: str | None = None
    endpoint: str | None = None
    grace_seconds: float = Field(default=0.0, ge=0, le=86_400)
    arms: Annotated[tuple[str, ...], Field(min_length=1)] = ("after",)

    @field_validator("when")
    @classmethod
    def _parses(cls, value: str) -> str:
        parse_abort(value)
        return value

    @property
    def limit(self) -> AbortLimit:
        return parse_abort(self.when)
