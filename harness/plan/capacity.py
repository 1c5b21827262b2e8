"""Capacity: what a stress stage has to meet for its load to be held."""

from pydantic import field_validator

from harness.plan.expectation import ExpectationError, Form, parse_expectation
from harness.plan.stages import PlanTable


class Capacity(PlanTable):
    """When the load of a stress stage is held: limits that all its requests together have to meet."""

    limit: tuple[str, ...]

    @field_validator("limit")
    @classmethod
    def _limits(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError('needs at least one limit, as in "p95 < 300 ms"')
        for text in value:
            try:
                said = parse_expectation(text)
            except ExpectationError as error:
                raise ValueError(str(error)) from error
            if said.form is not Form.ABSOLUTE:
                raise ValueError(f'"{text}" compares the arms; a limit is absolute, as in "p95 < 300 ms"')
            if said.metric.per_leg:
                raise ValueError(
                    f'"{text}": there is no {said.metric.name} of a stage; limit a latency, a rate or errors'
                )
        return value
