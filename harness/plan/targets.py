"""Targets, claims and limits of the capacity: what is judged, where, and with which consequence."""

from typing import Literal, Self

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from harness.plan.expectation import Expectation, Form, parse_expectation
from harness.plan.readings import vocabulary_of
from harness.plan.stages import PlanTable


class Target(PlanTable):
    """A required condition: without a stage for all stages except ramps together, without an endpoint for all requests.

    A ``tag`` pools all samples of several endpoints. An ``advisory`` target does not affect the outcome of the run.
    """

    expect: str
    stage: str | None = None
    endpoint: str | None = None
    tag: str | None = None
    claim: str | None = None
    severity: Literal["required", "advisory"] = "required"
    _expectation: Expectation = PrivateAttr()
    _tagged: frozenset[str] = PrivateAttr()

    @field_validator("expect")
    @classmethod
    def _parses(cls, value: str, info: ValidationInfo) -> str:
        return _parsed(value, info)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        _either(self.endpoint, self.tag)
        return self

    def model_post_init(self, context: object) -> None:
        """Parse it with the vocabulary of the plan."""
        vocabulary = vocabulary_of(context)
        self._expectation = parse_expectation(self.expect, vocabulary.metrics)
        self._tagged = frozenset(vocabulary.tags.get(self.tag or "", ()))

    @property
    def expectation(self) -> Expectation:
        return self._expectation

    @property
    def endpoints(self) -> frozenset[str] | None:
        """The endpoints that it pools; ``None``: all."""
        if self.tag is not None:
            return self._tagged
        return None if self.endpoint is None else frozenset({self.endpoint})

    @property
    def required(self) -> bool:
        return self.severity == "required"

    @property
    def primary(self) -> bool:
        """Whether it can fail a run by a change from before to after."""
        return self.required and self.expectation.form is not Form.ABSOLUTE


class Claim(PlanTable):
    """A stated effect of the migration, judged like targets without affecting the outcome.

    ``expect`` is its measurement; a claim that cannot be measured has the reason in ``unmeasured``. ``before`` and
    ``after`` are the claimed figures, as text.
    """

    id: str = Field(min_length=1, max_length=40)
    says: str = Field(min_length=1, max_length=300)
    before: str | None = None
    after: str | None = None
    expect: tuple[str, ...] = ()
    stage: str | None = None
    endpoint: str | None = None
    tag: str | None = None
    unmeasured: str | None = None
    _targets: tuple[Target, ...] = PrivateAttr()

    @model_validator(mode="after")
    def _measured_or_not(self, info: ValidationInfo) -> Self:
        if bool(self.expect) == bool(self.unmeasured):
            raise ValueError("needs either expect, how it is measured, or unmeasured, why it is not")
        _either(self.endpoint, self.tag)
        for text in self.expect:
            _parsed(text, info)
        place = {"stage": self.stage, "endpoint": self.endpoint, "tag": self.tag, "claim": self.id}
        self._targets = tuple(
            Target.model_validate(place | {"expect": text}, context=info.context) for text in self.expect
        )
        return self

    @property
    def targets(self) -> tuple[Target, ...]:
        """The conditions that confirm the claim together."""
        return self._targets


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


def _parsed(text: str, info: ValidationInfo) -> str:
    """The text of an expectation that can be parsed with the vocabulary of its plan."""
    parse_expectation(text, vocabulary_of(info.context).metrics)
    return text


def _either(endpoint: str | None, tag: str | None) -> None:
    if endpoint is not None and tag is not None:
        raise ValueError("endpoint and tag both say which requests are meant; leave one out")
