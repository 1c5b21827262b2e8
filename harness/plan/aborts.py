"""Abort: the limit at which a load is ended early, as a plan says it.

    p90 > 1 s for 10 s            taken over all requests that were answered in the last ten seconds
    error_rate > 20 % for 5 s
    rps < 1 for 10 s              nobody is answered any more

Pure: text in, value out, and what a window of requests says of it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, field_validator

from harness.metrics import METRICS, Better, Metric, RequestCounts
from harness.plan.expectation import Expectation, ExpectationError, parse_expectation
from harness.plan.stages import PlanTable

FORMS = '"p90 > 1 s for 10 s", "error_rate > 20 % for 5 s", "rps < 1 for 10 s"'
LONGEST_SECONDS = 3600
_WHEN = re.compile(r"(?P<limit>.+?)\s+for\s+(?P<seconds>\S+)\s*s")


@dataclass(frozen=True, slots=True)
class AbortLimit:
    """A parsed ``when``: a metric of all requests of the last ``seconds`` is beyond a limit."""

    beyond: Expectation
    seconds: int

    @property
    def metric(self) -> Metric:
        """What is watched."""
        return self.beyond.metric

    def value(
        self, requests: int, failures: int, seconds: float, quantile: Callable[[float], float | None]
    ) -> float | None:
        """The metric over a window, in its stored unit; ``None`` where it has too few requests to say.

        Args:
            requests: that were answered in the window, or failed.
            failures: those that failed.
            seconds: the length of the window.
            quantile: of the latencies of the others, in ms.
        """
        metric, counts = self.metric, RequestCounts(requests=requests, failures=failures, seconds=seconds)
        if metric.quantile is not None:
            return quantile(float(metric.quantile)) if counts.successes >= metric.min_samples else None
        return metric.from_counts(counts) if metric.from_counts is not None else None

    def broken(self, value: float | None) -> bool:
        """Whether a value is beyond the limit; the limit itself is not."""
        if value is None:
            return False
        return value < self.beyond.limit if self.beyond.below else value > self.beyond.limit


def parse_danger(text: str) -> AbortLimit:
    """Read one ``when`` line.

    Raises:
        ExpectationError: with what would be right.
    """
    match = _WHEN.fullmatch(text.strip())
    if match is None:
        raise ExpectationError(f'cannot read "{text}"; an abort looks like {FORMS}')
    if not match["seconds"].isdecimal() or not 1 <= int(match["seconds"]) <= LONGEST_SECONDS:
        raise ExpectationError(
            f'"for {match["seconds"]} s": say whole seconds, from 1 to {LONGEST_SECONDS}, as in "for 10 s"'
        )
    if not re.search(r"[<>]", match["limit"]):
        raise ExpectationError(f'cannot read "{text}"; an abort looks like {FORMS}')
    beyond = parse_expectation(match["limit"])
    metric = beyond.metric
    if not metric.live:
        known = ", ".join(one.name for one in METRICS.values() if one.live)
        raise ExpectationError(f"{metric.name} is not known while the load runs; known are {known}")
    if beyond.below is (metric.better is Better.LOWER):
        sign = ">" if beyond.below else "<"
        raise ExpectationError(f'that would end what goes well; write "{metric.name} {sign} ..."')
    return AbortLimit(beyond, int(match["seconds"]))


class Abort(PlanTable):
    """When the load of a leg is ended early, and the run with it, because to go on would be dangerous or hopeless.

    Without a ``stage`` all of the load is watched, ramps too, without an ``endpoint`` all requests together. What is
    answered in the first ``grace_seconds`` of the stage, or of the load, is left out. It ends legs of ``arms`` only.
    """

    when: str
    stage: str | None = None
    endpoint: str | None = None
    grace_seconds: float = Field(default=0.0, ge=0, le=86_400)
    arms: Annotated[tuple[str, ...], Field(min_length=1)] = ("after",)

    @field_validator("when")
    @classmethod
    def _parses(cls, value: str) -> str:
        try:
            parse_danger(value)
        except ExpectationError as error:
            raise ValueError(str(error)) from error
        return value

    @property
    def danger(self) -> AbortLimit:
        """The parsed ``when``."""
        return parse_danger(self.when)
