"""Alert: what an operator would be called for, as a plan says it: ``service_memory > 400 MB``.

Alerts decide nothing; they say how often somebody would have been called in each arm.
"""

import re
from typing import Literal

from pydantic import PrivateAttr, field_validator

from harness.metric import Better, Metric, Origin
from harness.parts.stage import Part
from harness.parts.target import Expectation, ExpectationError, Form, parse_expectation

WATCHED = (
    "p50", "p95", "p99", "error_rate", "cache_hit_rate", "service_memory", "cache_memory", "service_cpu",
    "database_cpu",
)  # fmt: skip


class Alert(Part):
    """A limit of a metric of all requests together, or of servers and services, taken over ten seconds at a time."""

    when: str
    severity: Literal["warning", "critical"] = "warning"
    _beyond: Expectation = PrivateAttr()

    @field_validator("when")
    @classmethod
    def _parses(cls, value: str) -> str:
        try:
            _beyond(value)
        except ExpectationError as error:
            raise ValueError(str(error)) from error
        return value

    def model_post_init(self, context: object) -> None:  # noqa: ARG002 - the interface
        """Read the limit."""
        self._beyond = _beyond(self.when)

    @property
    def metric(self) -> Metric:
        """What is watched."""
        return self._beyond.metric

    def fires(self, value: float) -> bool:
        """Whether somebody is called; the limit itself is not beyond."""
        return value < self._beyond.limit if self._beyond.below else value > self._beyond.limit


def _beyond(text: str) -> Expectation:
    if not re.search(r"[<>]", text):
        raise ExpectationError(f'cannot read "{text}"; an alert looks like "cache_hit_rate < 75 %"')
    said = parse_expectation(text)
    if said.form is not Form.ABSOLUTE or said.metric.name not in WATCHED:
        raise ExpectationError(f'"{text}": an alert watches one of {", ".join(WATCHED)}')
    if said.below is (said.metric.better is Better.LOWER):
        sign = ">" if said.below else "<"
        raise ExpectationError(f'that would call for what goes well; write "{said.metric.name} {sign} ..."')
    return said


DEFAULTS = tuple(
    Alert.model_validate({"when": when, "severity": severity})
    for when, severity in (
        ("error_rate > 1 %", "critical"),
        ("p95 > 500 ms", "warning"),
        ("cache_hit_rate < 75 %", "warning"),
        ("service_memory > 400 MB", "warning"),
        ("database_cpu > 80 %", "warning"),
    )
)
"""What is watched where a plan names nothing."""


def beside(alert: Alert) -> bool:
    """Whether it watches servers and services, and not requests."""
    return alert.metric.origin is Origin.PROCESSES
