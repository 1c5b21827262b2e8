"""Names of targets, and of the stages and requests that they are about."""

from harness.metrics import Origin
from harness.plan.model import Chain
from harness.plan.targets import Target
from reports.formatting import DOT, plain, plural

ALL_REQUESTS, ALL_STAGES = "all requests", "all stages except ramps"
PLACES = {
    Origin.STRESS: "the stress stages",
    Origin.START: f"start of the service {DOT} mean of the legs",
    Origin.FAULT: f"after the faults {DOT} worst leg",
    Origin.MIGRATION: "the migration",
    Origin.MIGRATION_UNDER_LOAD: f"the migration under load {DOT} measured once",
}


def requests_of(endpoint: str | None) -> str:
    """The endpoint, or ``all requests``."""
    return plain(endpoint) if endpoint else ALL_REQUESTS


def stage_of(stage: str | None) -> str:
    """The stage, or ``all stages except ramps``."""
    return plain(stage) if stage else ALL_STAGES


def where(target: Target | Chain) -> str:
    """Stage, endpoint and severity of a target or an attribution: ``sustain · GET /content/{id}``."""
    if isinstance(target, Target) and (place := PLACES.get(target.expectation.metric.origin)):
        return place
    place = f"{stage_of(target.stage)} {DOT} {_requests(target) or ALL_REQUESTS}"
    return f"{place} {DOT} {target.severity}" if isinstance(target, Target) and not target.required else place


def narrowed(target: Target) -> str:
    """As ``where``, without what is the default; empty for a target of all stages and requests."""
    parts = (plain(target.stage or ""), _requests(target), "" if target.required else target.severity)
    return f" {DOT} ".join(part for part in parts if part)


def _requests(target: Target | Chain) -> str:
    if isinstance(target, Target) and target.tag is not None:
        return f"{plain(target.tag)} ({plural(len(target.endpoints or ()), 'endpoint')})"
    return plain(target.endpoint or "")


def target_name(target: Target) -> str:
    """``p95 < 300 ms (sustain)``."""
    narrow = narrowed(target)
    return f"{plain(target.expect.strip())}{f' ({narrow})' if narrow else ''}"
