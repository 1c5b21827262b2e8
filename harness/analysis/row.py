"""Row: the values of every metric of one arm in one block, stage and endpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from harness.metrics import Metric, RequestCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(RequestCounts):
    """The metrics of one arm in one block, stage and endpoint; ``None`` in these three means pooled.

    With a ``tag`` it pools the endpoints of that tag, and ``endpoint`` is ``None``.

    Attributes:
        values: measured metrics and plan readings by name, in their stored units.
        upper_ends: upper ends of brackets from a capacity search, by name; infinite for lower bounds.
    """

    arm: str
    block: int | None
    stage: str | None
    endpoint: str | None
    tag: str | None = None
    design_effect: float = 1.0  # at least 1; divides the counts of failures
    values: Mapping[str, float] = field(default_factory=dict)
    lower_bounds: frozenset[str] = frozenset()  # names of values that are lower bounds
    upper_ends: Mapping[str, float] = field(default_factory=dict)

    def value(self, metric: str) -> float | None:
        return self.values.get(metric)

    def at_least(self, metric: Metric) -> bool:
        return metric.name in self.lower_bounds

    def highest(self, metric: Metric) -> float | None:
        """The upper end of a bracket, infinite for a lower bound; ``None`` without a bracket."""
        return self.upper_ends.get(metric.name)

    def adding(self, values: Mapping[str, float]) -> "Row":
        return replace(self, values={**self.values, **values})
