"""Vocabulary: the readings and tags of a plan, which its targets may use.

It is read before the rest of a plan, and is the context of its validation.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from harness.metrics import METRICS, Metric
from harness.plan.readings import Gauges, metrics_of


def _distinct(endpoints: tuple[str, ...]) -> tuple[str, ...]:
    if twice := [name for index, name in enumerate(endpoints) if name in endpoints[:index]]:
        raise ValueError(f'"{twice[0]}" is listed twice')
    return endpoints


TagName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Endpoints = Annotated[tuple[str, ...], Field(min_length=1, max_length=200), AfterValidator(_distinct)]
Tags = dict[TagName, Endpoints]
"""Endpoints by tag."""


class Vocabulary(BaseModel):
    """The readings and tags of a plan; other keys are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    readings: Gauges = Field(default={})
    tags: Tags = Field(default={})

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Every metric that a target may use, by name."""
        return METRICS | metrics_of(self.readings) if self.readings else METRICS


NO_WORDS = Vocabulary()


def vocabulary_of(context: object) -> Vocabulary:
    """The vocabulary in a validation context, empty without one."""
    return context if isinstance(context, Vocabulary) else NO_WORDS
