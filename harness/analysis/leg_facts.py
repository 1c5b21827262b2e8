"""Leg facts: the generator's report about each leg, for the guards. Metrics of a leg are in ``arm_metrics``."""

from dataclasses import dataclass

from harness.analysis.servers import evictions_of
from harness.record.generation import OfferedLoad
from harness.record.leg import Leg, Window
from harness.record.trial import Trial


@dataclass(frozen=True, slots=True)
class LegFacts:
    """One leg; ``offered`` and ``schedule_lag_p99_ms`` are of open-loop plans."""

    leg: Leg
    requests: int
    cpu_share: float
    lag_p99_ms: float
    ready_seconds: float | None = None
    user_errors: int = 0
    processes: int = 1
    hosts: int = 1
    windows: tuple[Window, ...] = ()
    offered: tuple[OfferedLoad, ...] = ()
    schedule_lag_p99_ms: float | None = None
    gc_pause_ms: float = 0.0
    statements_evicted: int = 0

    @classmethod
    def of(cls, trial: Trial) -> "LegFacts":
        same = ("requests", "cpu_share", "lag_p99_ms", "user_errors", "processes", "hosts", "windows", "offered",
                "schedule_lag_p99_ms", "gc_pause_ms")  # fmt: skip
        reported = {name: getattr(trial.generation, name) for name in same}
        evicted = evictions_of(trial)
        return cls(trial.leg, **reported, ready_seconds=trial.ready_seconds, statements_evicted=evicted)

    @property
    def arrivals(self) -> list[tuple[Window, OfferedLoad]]:
        """The stages with counted arrivals, in order, with their windows."""
        windows = {window.stage: window for window in self.windows}
        return [(windows[offered.stage], offered) for offered in self.offered if offered.stage in windows]
