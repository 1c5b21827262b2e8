"""Row: the values of every metric of one arm in one block, stage and endpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from harness.metrics import Metric, RequestCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(RequestCounts):
    """What one arm did in one block, stage and endpoint; ``None`` in these three means pooled over them.

    With a ``tag`` it is of the endpoints of that name together, and ``endpoint`` is ``None``.

    Attributes:
        design_effect: at least 1; it divides the counts of failures.
        values: by name, those of the registry's metrics and the plan's readings that were measured, in their units.
        lower_bounds: the names of those that are lower bounds.
        upper_ends: of what a search left within a bracket, the upper end by name; infinite where it found none.
    """

    arm: str
    block: int | None
    stage: str | None
    endpoint: str | None
    tag: str | None = None
    design_effect: float = 1.0
    values: Mapping[str, float] = field(default_factory=dict)
    lower_bounds: frozenset[str] = frozenset()
    upper_ends: Mapping[str, float] = field(default_factory=dict)

    def value(self, metric: str) -> float | None:
        """The value of a metric or of a reading of the plan, in its stored unit; ``None`` when it was not measured."""
        return self.values.get(metric)

    def at_least(self, metric: Metric) -> bool:
        """Whether the value of a metric is a lower bound."""
        return metric.name in self.lower_bounds

    def highest(self, metric: Metric) -> float | None:
        """The upper end of what a search left possible, infinite where the value is a lower bound; else ``None``."""
        return self.upper_ends.get(metric.name)

    def adding(self, values: Mapping[str, float]) -> "Row":
        """The same row with more values."""
        return replace(self, values={**self.values, **values})
