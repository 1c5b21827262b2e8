"""Readings and tags: the vocabulary of a plan, which its targets may use.

Readings are metrics computed from the Prometheus metrics of the services.

[readings.pool_use]
of = "db_pool_in_use"
over = "db_pool_size"
unit = "%"
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from harness.metrics import METRICS, Better, Metric, Origin, Scale, Unit
from harness.plan.environment import ServiceName
from harness.plan.stages import PlanTable

UNITS = {"%": Unit.FRACTION, "": Unit.COUNT, "MB": Unit.MEGABYTES, "s": Unit.SECONDS, "ms": Unit.MS}
FACTORS = {"MB": 1e-6, "ms": 1000.0}
"""From bytes and seconds, the base units of Prometheus, to the unit."""
COUNTERS = ("_total", "_bucket", "_sum")
Series = Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*(\{.+\})?$")]


class Gauge(PlanTable):
    """The source and computation of a metric.

    ``of`` is a metric in ``environment.metrics``, whose series are added up per service, or one series with labels,
    ``breaker_open{guards="database"}``. It is divided by ``over`` at the same moment. ``statistic`` is over all moments
    of a stage, per service; without a ``service`` the worst one counts.
    """

    of: Series
    over: Series | None = None
    service: ServiceName | None = None
    statistic: Literal["mean", "max", "p95"] = "mean"
    unit: Literal["%", "", "MB", "s", "ms"] = ""
    better: Literal["lower", "higher"] = "lower"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for key, series in self.named.items():
            if metric_of(series).endswith(COUNTERS):
                raise ValueError(
                    f'{key} = "{series}" only ever rises, by its name: name a metric that is a value of one moment'
                )
        if self.over is not None and self.unit not in {"%", ""}:
            raise ValueError(f'a share has no unit "{self.unit}"; write unit = "%", or leave unit out')
        if self.over == self.of:
            raise ValueError("of and over are the same: that is always 1")
        return self

    @property
    def named(self) -> dict[str, str]:
        """The source series by key."""
        return {"of": self.of} | ({"over": self.over} if self.over is not None else {})

    @property
    def factor(self) -> float:
        """From the unit of the service to ``unit``."""
        return FACTORS.get(self.unit, 1.0)

    def metric(self, name: str) -> Metric:
        label = name.replace("_", " ")
        return Metric(name, label, UNITS[self.unit], Scale.LOG, Better(self.better), origin=Origin.READINGS)


def metric_of(series: str) -> str:
    """The name of a series without its labels."""
    return series.partition("{")[0]


def _apart(gauges: dict[str, Gauge]) -> dict[str, Gauge]:
    for name in gauges:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
            raise ValueError(f'"{name}" is no name of a metric; use lower-case letters, digits and "_"')
        if name in METRICS:
            raise ValueError(f'"{name}" is measured without it; give the reading another name')
    return gauges


Gauges = Annotated[dict[str, Gauge], AfterValidator(_apart)]
"""Gauges by the names of their metrics."""


def metrics_of(gauges: Mapping[str, Gauge]) -> dict[str, Metric]:
    """The metrics of gauges, by name."""
    return {name: gauge.metric(name) for name, gauge in gauges.items()}


def _distinct(endpoints: tuple[str, ...]) -> tuple[str, ...]:
    if twice := [name for index, name in enumerate(endpoints) if name in endpoints[:index]]:
        raise ValueError(f'"{twice[0]}" is listed twice')
    return endpoints


TagName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Endpoints = Annotated[tuple[str, ...], Field(min_length=1, max_length=200), AfterValidator(_distinct)]
Tags = dict[TagName, Endpoints]
"""The endpoints that each tag pools."""


class Vocabulary(BaseModel):
    """The readings and tags of a plan, read before its rest as the context of validation; other keys are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    readings: Gauges = Field(default={})
    tags: Tags = Field(default={})

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Every metric that a target may use, by name."""
        return METRICS | metrics_of(self.readings)


NO_WORDS = Vocabulary()


def vocabulary_of(context: object) -> Vocabulary:
    """The vocabulary in a validation context, empty without one."""
    return context if isinstance(context, Vocabulary) else NO_WORDS
