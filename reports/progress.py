"""Progress: one line that says how a run goes."""

from reports.formatting import count, milliseconds, number, planned


def progress_line(
    *,
    place: str,
    stage: str,
    stage_second: float,
    stage_seconds: float,
    users: int,
    rate: float | None = None,
    rps: float,
    p95_ms: float | None,
    failures: int,
    left_seconds: float,
) -> str:
    """The live line of a run: where it is, how much load there is, how it answers, how long it still takes.

    With a ``rate``, arrivals per second of an open stage, the users are those at work.
    """
    minutes, seconds = divmod(max(0, round(left_seconds)), 60)
    parts = (
        place,
        f"{stage} {stage_second:.0f} of {stage_seconds:.0f} s",
        f"{count(users)} users" if rate is None else f"{planned(rate)}/s, {count(users)} users at work",
        f"{number(rps)} req/s",
        f"P95 {milliseconds(p95_ms) if p95_ms is not None else '—'}",
        f"errors {count(failures)}",
        f"{minutes}:{seconds:02d} left",
    )
    return " · ".join(parts)
