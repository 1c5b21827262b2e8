"""Alerts: conditions that would page an operator, such as ``service_memory > 400 MB``. They decide nothing."""

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import PrivateAttr, ValidationInfo, field_validator

from harness.metrics import METRICS, Metric
from harness.plan.expectation import Expectation, ExpectationError, Form, parse_expectation
from harness.plan.readings import vocabulary_of
from harness.plan.stages import PlanTable


class Alert(PlanTable):
    """A limit of a metric of all requests, of processes, or of a plan reading, over windows of ten seconds."""

    when: str
    severity: Literal["warning", "critical"] = "warning"
    _beyond: Expectation = PrivateAttr()

    @field_validator("when")
    @classmethod
    def _parses(cls, value: str, info: ValidationInfo) -> str:
        _beyond(value, vocabulary_of(info.context).metrics)
        return value

    def model_post_init(self, context: object) -> None:
        """Parse the limit with the vocabulary of the plan."""
        self._beyond = _beyond(self.when, vocabulary_of(context).metrics)

    @property
    def metric(self) -> Metric:
        return self._beyond.metric

    @property
    def from_probes(self) -> bool:
        """Whether it watches servers and services and not requests."""
        return self.metric.origin.from_probes

    def fires(self, value: float) -> bool:
        """Whether a value exceeds the limit."""
        return self._beyond.exceeded_by(value)


def _beyond(text: str, metrics: Mapping[str, Metric] = METRICS) -> Expectation:
    if not re.search(r"[<>]", text):
        raise ExpectationError(f'cannot read "{text}"; an alert looks like "cache_hit_rate < 75 %"')
    limit = parse_expectation(text, metrics)
    if limit.form is not Form.ABSOLUTE or not limit.metric.alerting:
        known = ", ".join(metric.name for metric in METRICS.values() if metric.alerting)
        raise ExpectationError(f'"{text}": an alert watches one of {known}, or a reading of the plan')
    limit.require_worse("alert")
    return limit


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
"""The alerts of a plan without own ones."""
