"""Caveats: findings that limit what a result means."""

from collections.abc import Iterator, Sequence

from harness.analysis.answers import ResponseAgreement, uncompared_findings
from harness.analysis.comparison import Comparison, Pair
from harness.analysis.statuses import Statuses, answers_empty, answers_shorter
from harness.analysis.steady_state import settling_caveat
from harness.analysis.summary import LegFacts, Summary
from harness.evidence.migration import MigrationUnderLoad
from harness.finding import Finding
from harness.metrics import Origin, Unit
from harness.plan.model import ARMS
from harness.verdict.arrivals import allowed_lag_ms, arrivals_waited, search_ends
from harness.verdict.guards import broken_in_legs

BLOCKS_FOR_SIGNIFICANCE = 6
COUPLED_RPS_CHANGE = 0.1
NAMED = 3

FEW_BLOCKS = Finding(
    "FEW_BLOCKS",
    "fewer than six blocks: no sign-flip p-value can fall below 0.05, the intervals are wide",
    "set load.blocks to 8, or 10 for a release",
)
INTERRUPTED = Finding(
    "INTERRUPTED", "the run was interrupted: only its complete blocks are judged", "run the plan again to its end"
)
NO_NOISE_FLOOR = Finding(
    "NO_NOISE_FLOOR",
    "no noise baseline yet: the A/A noise of this machine under this load is unknown",
    "run once with --control; until then, distrust changes of a few percent",
)
FEW_PAIRS = Finding(
    "FEW_PAIRS",
    "the noise floor is provisional: fewer than 59 A/A pairs were measured, and the largest counts",
    "run more often with --control; the A/A noise of earlier runs is kept",
)
FAILED_ONCE = Finding(
    "FAILED_ONCE", "a target failed and was not measured again", "omit --no-confirm, or run the plan again"
)
SEQUENTIAL = Finding(
    "SEQUENTIAL",
    "sequential, unpaired: all legs of before came first, so every change includes the drift of the system",
    "interleave the arms (omit environment.sequential), or rely on limits on after alone",
)
GENERATOR_LATE = Finding(
    "GENERATOR_LATE",
    "the load generator fell behind schedule; latencies include client-side delay",
    "reduce the load, or use a machine with more cores",
)
USER_ERRORS = Finding(
    "USER_ERRORS",
    "tasks of the users raised exceptions: their further requests are missing from the load",
    "read the tracebacks in logs/*.generator.log, and fix the user files",
)
DESCRIPTIVE = Finding(
    "DESCRIPTIVE",
    "indicative only (few samples): fewer than 100 samples beyond the percentile in a leg",
    "lengthen the stage or raise its load",
)
DIFFERENT_MIX = Finding(
    "DIFFERENT_MIX",
    "an endpoint was requested in one arm only: totals compare different mixes of requests",
    "judge endpoints one by one, or make the load the same for both arms",
)
HOLLOW = Finding(
    "HOLLOW",
    "most responses of after have no content (empty, redirects, or 304): little work was measured",
    "check the responses of the service; validate responses in the user files",
)
SHORTER = Finding(
    "SHORTER",
    "the responses of an endpoint are less than half as long in after as in before: after may do less work",
    "compare the responses of both arms",
)
ARMS_ALIKE = Finding(
    "ARMS_ALIKE",
    "the plan gives before and after the same revision and settings: the comparison is an A/A test",
    "give [arms.after] its revision or env",
)
STEP_BROKEN = Finding(
    "STEP_BROKEN",
    "a guard broke in a leg of a step between before and after: no requests, or an overloaded generator",
    "ignore the steps; before and after are not affected",
)
COUPLED = Finding(
    "COUPLED",
    "closed-loop load: throughput follows latency; count them once",
    "cite latency or req/s, not both",
)
IN_STEPS = Finding(
    "IN_STEPS",
    "capacity is known to the step: an arm may hold any load below its next stress stage",
    "add stress stages between",
)
LOWER_BOUND = Finding(
    "LOWER_BOUND",
    "a leg held the largest stress stage: its capacity is a lower bound, and the change may differ",
    "add a larger stress stage",
)
ANSWERS_NOT_COMPARED = Finding(
    "ANSWERS_NOT_COMPARED",
    "the responses of before and after were not compared",
    "add [answers] to the plan: both arms receive the same requests once, before the load",
)
MEASURED_ONCE = Finding(
    "MEASURED_ONCE",
    "each arm is migrated once in a run: the variation of the time is unknown",
    "run the plan again and compare",
)


def caveats_of_run(
    summary: Summary,
    comparison: Comparison,
    agreement: ResponseAgreement | None = None,
    statuses: Sequence[Statuses] = (),
    *,
    interrupted: bool = False,
) -> Iterator[Finding]:
    """The caveats of a whole run."""
    rows, empty = [row for row in summary.rows if row.block is None], answers_empty(statuses)
    endpoints = {arm: frozenset(row.endpoint for row in rows if row.arm == arm) for arm in ARMS}
    applying = {
        HOLLOW: empty,
        SHORTER: not empty and answers_shorter(statuses),
        INTERRUPTED: interrupted,
        FEW_BLOCKS: comparison.blocks < BLOCKS_FOR_SIGNIFICANCE,
        SEQUENTIAL: comparison.sequential,
        DIFFERENT_MIX: len({*endpoints.values()}) > 1,
        STEP_BROKEN: any(broken_in_legs(summary, [leg for leg in summary.legs if leg.leg.arm not in ARMS])),
        ANSWERS_NOT_COMPARED: agreement is None,
    }
    yield from (caveat for caveat, applies in applying.items() if applies)
    if agreement:
        yield from uncompared_findings(
            agreement, {row.endpoint for row in summary.rows if row.arm in ARMS and row.endpoint}
        )
    if any(leg.user_errors for leg in summary.legs) or (agreement and agreement.user_errors):
        yield USER_ERRORS
    if summary.settling.dropped or summary.settling.cuts:
        yield settling_caveat(summary.settling)
    if waited := arrivals_waited(summary):
        yield waited
    yield from search_ends(summary)
    if any(_late(summary, leg) for leg in summary.legs):
        yield GENERATOR_LATE


def _late(summary: Summary, leg: LegFacts) -> bool:
    row = summary.row(leg.leg.arm, leg.leg.block, None, None)
    return leg.lag_p99_ms > allowed_lag_ms(row.value("p50") if row else None)


def caveats_of_migration(migration: MigrationUnderLoad | None) -> Iterator[Finding]:
    """The caveats of a migration under load that failed, or whose rollback left differences."""
    if migration and migration.failed:
        seen = f"the migration under load was not completed: {migration.failed}"
        yield Finding("MIGRATION_NOT_DONE", seen, "read logs/migration-under-load.*")
    elif migration and migration.rolled_back is False:
        found = [difference.what for difference in migration.record.differences or ()]
        what = f"the schema differs in {', '.join(found[:NAMED])}" if found else "responses differ"
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        seen = f"after migration and rollback the database is not as before: {what}{more}"
        yield Finding("ROLLED_BACK_OTHERWISE", seen, "fix the downgrade, or plan another way back")


def caveats_of_pair(pair: Pair, comparison: Comparison, *, relative: bool) -> Iterator[Finding]:
    """The caveats of a pair: of its change when ``relative``, else of after alone."""
    if pair.least_requests < pair.metric.finding_samples:
        yield DESCRIPTIVE
    if relative and pair.metric.latency and not comparison.open:
        rps = comparison.pair("rps", pair.stage, pair.endpoint, pair.tag)
        if rps and rps.change and abs(rps.change.value - 1) > COUPLED_RPS_CHANGE:
            yield COUPLED
    if relative and pair.metric.origin is Origin.STRESS and not pair.searched:
        yield IN_STEPS
        if any(block.before_at_least or block.after_at_least for block in pair.blocks):
            yield LOWER_BOUND
    if pair.metric.origin is Origin.MIGRATION and pair.metric.unit is Unit.SECONDS:
        yield MEASURED_ONCE
