"""Judgement: the minimum effect, the smallest change that counts."""

import re

from pydantic import Field, field_validator

from harness.errors import nearest
from harness.metrics import METRICS, Metric, Scale
from harness.plan.stages import PlanTable

MAX_EFFECT = 0.5
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>%|pt)")


class Judgement(PlanTable):
    """The smallest change that counts, in either direction.

    ``effect`` is for all metrics compared as ratios, in percent of before; ``effects`` are for single metrics. Shares
    (errors, cache hits) change in percentage points, ``0.1 pt``, to which ``effect`` does not apply.
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
        """The minimum effect of a metric as a fraction: 0.05 for 5 % of before, 0.001 for 0.1 pt."""
        text = self.effects.get(metric.name) or metric.minimum_effect or self.effect
        return _size(text, _unit(metric))

    @property
    def exceptions(self) -> tuple[Metric, ...]:
        """The metrics with a minimum effect other than ``effect``."""
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
    if not 0 < size <= MAX_EFFECT:
        raise ValueError(f'"{text}" is out of range: above 0, at most {MAX_EFFECT * 100:.0f} {unit}')
    return size
