"""Vocabulary: the words that the targets of one plan may use beside those that all plans know.

It is read before the rest of a plan, and given to all that is read after it as the context of validation.
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
"""Names for several endpoints together."""


class Vocabulary(BaseModel):
    """The readings and tags of a plan; of its text all else is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    readings: Gauges = Field(default={})
    tags: Tags = Field(default={})

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Every metric that a target may speak of, by name."""
        return METRICS | metrics_of(self.readings) if self.readings else METRICS


NO_WORDS = Vocabulary()


def vocabulary_of(context: object) -> Vocabulary:
    """That of the plan which is being validated; what stands outside a plan has no words of its own."""
    return context if isinstance(context, Vocabulary) else NO_WORDS
