"""Capacity: the limits that a stress stage has to meet for its load to count as held."""

from pydantic import field_validator

from harness.plan.expectation import Form, parse_expectation
from harness.plan.stages import PlanTable


class Capacity(PlanTable):
    """The limits that all requests of a stress stage together have to meet."""

    limit: tuple[str, ...]

    @field_validator("limit")
    @classmethod
    def _limits(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError('needs at least one limit, as in "p95 < 300 ms"')
        for text in value:
            expectation = parse_expectation(text)
            if expectation.form is not Form.ABSOLUTE:
                raise ValueError(f'"{text}" compares the arms; a limit is absolute, as in "p95 < 300 ms"')
            if expectation.metric.per_leg:
                raise ValueError(
                    f'"{text}": there is no {expectation.metric.name} of a stage; limit a latency, a rate or errors'
                )
        return value
