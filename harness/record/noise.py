"""The noise of a machine: how much before and control differed in earlier runs under the same load."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class ComparisonPlace:
    """What a floor is of: a metric in one stage and endpoint, ``None`` meaning all of them, or those of a tag."""

    metric: str
    stage: str | None
    endpoint: str | None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class NoiseRatios:
    """Of one place, ln(control / before) of every block, in the order they ran."""

    metric: str
    stage: str | None
    endpoint: str | None
    ratios: tuple[float, ...]
    tag: str | None = None

    @property
    def place(self) -> ComparisonPlace:
        """What it is of."""
        return ComparisonPlace(self.metric, self.stage, self.endpoint, self.tag)


@dataclass(frozen=True, slots=True)
class NoiseOfRun:
    """What the control arm of one run said."""

    run: str
    differences: tuple[NoiseRatios, ...]


@dataclass(frozen=True, slots=True)
class Noise:
    """What the control arms of earlier runs said, on machines of one class and under one load."""

    machine: dict[str, str] = field(default_factory=dict)
    load: dict[str, str] = field(default_factory=dict)
    runs: tuple[NoiseOfRun, ...] = ()
    schema: int = 1
