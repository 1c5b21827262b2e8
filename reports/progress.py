"""The progress line of a run."""

from dataclasses import dataclass

from reports.formatting import count, milliseconds, number, planned


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressLine:
    """The state of a leg; ``rate`` is in arrivals/s, where ``users`` counts the active ones (open-loop stages)."""

    place: str
    stage: str
    stage_second: float
    stage_seconds: float
    users: int
    rate: float | None = None
    rps: float
    p95_ms: float | None
    failures: int
    left_seconds: float

    def __str__(self) -> str:
        minutes, seconds = divmod(max(0, round(self.left_seconds)), 60)
        load = f"{count(self.users)} users"
        parts = (
            self.place,
            f"{self.stage} {self.stage_second:.0f} of {self.stage_seconds:.0f} s",
            load if self.rate is None else f"{planned(self.rate)}/s, {load} active",
            f"{number(self.rps)} req/s",
            f"P95 {milliseconds(self.p95_ms) if self.p95_ms is not None else '—'}",
            f"errors {count(self.failures)}",
            f"{minutes}:{seconds:02d} left",
        )
        return " · ".join(parts)
