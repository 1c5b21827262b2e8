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
        """Those of a trial."""
        generation = trial.generation
        return cls(
            leg=trial.leg,
            requests=generation.requests,
            cpu_share=generation.cpu_share,
            lag_p99_ms=generation.lag_p99_ms,
            ready_seconds=trial.ready_seconds,
            user_errors=generation.user_errors,
            processes=generation.processes,
            hosts=generation.hosts,
            windows=generation.windows,
            offered=generation.offered,
            schedule_lag_p99_ms=generation.schedule_lag_p99_ms,
            gc_pause_ms=generation.gc_pause_ms,
            statements_evicted=evictions_of(trial),
        )

    @property
    def arrivals(self) -> list[tuple[Window, OfferedLoad]]:
        """The stages with counted arrivals, in order, with their windows."""
        windows = {window.stage: window for window in self.windows}
        return [(windows[offered.stage], offered) for offered in self.offered if offered.stage in windows]
