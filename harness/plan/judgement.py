"""Judgement: how large a change has to be to count, as a plan says it."""

import re

from pydantic import Field, field_validator

from harness.errors import nearest
from harness.metrics import METRICS, Metric, Scale
from harness.plan.stages import PlanTable

MOST = 0.5
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>%|pt)")


class Judgement(PlanTable):
    """The smallest change that counts: a smaller one, in either direction, is as good as none.

    ``effect`` is for all that is compared as a ratio, in percent of before; ``effects`` are for single metrics. What is
    a share (errors, cache hits) changes in percentage points, which ``effect`` says nothing about: ``0.1 pt``.
    """

    effect: str = "5 %"
    effects: dict[str, str] = Field(default={})

    @field_validator("effect")
    @classmethod
    def _in_percent(cls, value: str) -> str:
        _size(value, "%")
        return value

    @field_validator("effects")
    @classmethod
    def _of_metrics(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if name not in METRICS:
                raise ValueError(f'nothing measures "{name}"; {nearest(name, METRICS)}')
            try:
                _size(text, _unit(METRICS[name]))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        return value

    def smallest(self, metric: Metric) -> float:
        """The smallest change of a metric that counts, as a fraction: 0.05 for 5 % of before, 0.001 for 0.1 pt."""
        text = self.effects.get(metric.name) or metric.minimum_effect or self.effect
        return _size(text, _unit(metric))

    @property
    def exceptions(self) -> tuple[Metric, ...]:
        """The metrics of which ``effect`` is not the smallest change that counts."""
        own = [metric.name for metric in METRICS.values() if metric.minimum_effect]
        return tuple(METRICS[name] for name in dict.fromkeys([*own, *self.effects]))


def _unit(metric: Metric) -> str:
    return "%" if metric.scale is Scale.LOG else "pt"


def _size(text: str, unit: str) -> float:
    match = _SIZE.fullmatch(text.strip())
    if match is None or match["unit"] != unit:
        example = "5 %" if unit == "%" else "0.1 pt"
        raise ValueError(f'cannot read "{text}"; the smallest change that counts looks like "{example}"')
    size = float(match["number"]) / 100
    if not 0 < size <= MOST:
        raise ValueError(f'"{text}" is out of bounds; it is above 0 and at most {MOST * 100:.0f} {unit}')
    return size
