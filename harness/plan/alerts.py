"""Alert: what an operator would be called for, as a plan says it: ``service_memory > 400 MB``.

Alerts decide nothing; they say how often somebody would have been called in each arm.
"""

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import PrivateAttr, ValidationInfo, field_validator

from harness.metrics import METRICS, Better, Metric
from harness.plan.expectation import Expectation, ExpectationError, Form, parse_expectation
from harness.plan.stages import PlanTable
from harness.plan.vocabulary import vocabulary_of


class Alert(PlanTable):
    """A limit of a metric of all requests together, of servers and services, or of a reading of the plan.

    It is taken over ten seconds at a time.
    """

    when: str
    severity: Literal["warning", "critical"] = "warning"
    _beyond: Expectation = PrivateAttr()

    @field_validator("when")
    @classmethod
    def _parses(cls, value: str, info: ValidationInfo) -> str:
        try:
            _beyond(value, vocabulary_of(info.context).metrics)
        except ExpectationError as error:
            raise ValueError(str(error)) from error
        return value

    def model_post_init(self, context: object) -> None:
        """Read the limit, with the words of the plan that it uses."""
        self._beyond = _beyond(self.when, vocabulary_of(context).metrics)

    @property
    def metric(self) -> Metric:
        """What is watched."""
        return self._beyond.metric

    def fires(self, value: float) -> bool:
        """Whether somebody is called; the limit itself is not beyond."""
        return value < self._beyond.limit if self._beyond.below else value > self._beyond.limit


def _beyond(text: str, metrics: Mapping[str, Metric] = METRICS) -> Expectation:
    if not re.search(r"[<>]", text):
        raise ExpectationError(f'cannot read "{text}"; an alert looks like "cache_hit_rate < 75 %"')
    said = parse_expectation(text, metrics)
    if said.form is not Form.ABSOLUTE or not said.metric.alerting:
        known = ", ".join(metric.name for metric in METRICS.values() if metric.alerting)
        raise ExpectationError(f'"{text}": an alert watches one of {known}, or a reading of the plan')
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
    """Whether it watches servers and services, or what these tell, and not requests."""
    return alert.metric.origin.from_probes
