"""Caveats: reasons to trust a number less, as findings with their advice."""

from collections.abc import Iterator, Sequence

from harness.analysis.answers import ResponseAgreement, uncompared
from harness.analysis.comparison import Comparison, Pair
from harness.analysis.leg_facts import LegFacts
from harness.analysis.settling import not_steady_yet
from harness.analysis.statuses import Statuses, hollow, shorter
from harness.analysis.summary import Summary
from harness.evidence.migration import MigrationUnderLoad
from harness.finding import Finding
from harness.metrics import Origin, Unit
from harness.plan.model import ARMS
from harness.verdict.arrivals import allowed_lag_ms, arrivals_waited
from harness.verdict.guards import broken_in_legs
from harness.verdict.search import search_ends

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
    "no control arm: how much two identical arms differ on this host is not known",
    "measure one beside them now and then (--control), and read effects of a few percent with care",
)
FEW_PAIRS = Finding(
    "FEW_PAIRS",
    "how much equal arms differ is provisional: fewer than 59 pairs were measured, and the largest counts",
    "measure a control arm more often (--control); what it says is kept beside the runs",
)
FAILED_ONCE = Finding(
    "FAILED_ONCE",
    "a target that failed on a change was not measured once more",
    "leave out --no-confirm, or run the plan again",
)
SEQUENTIAL = Finding(
    "SEQUENTIAL",
    "sequential, unpaired: all legs of before came first, so what else changed meanwhile is in every change",
    "let the arms take turns (leave out environment.sequential), or go by the limits on after alone",
)
GENERATOR_LATE = Finding(
    "GENERATOR_LATE",
    "the generator ran late at times: latencies contain some of its own waiting",
    "ask for less load, or use a machine with more cores",
)
USER_ERRORS = Finding(
    "USER_ERRORS",
    "tasks of the users raised exceptions: what they would have asked is missing from the load",
    "read the tracebacks in logs/*.generator.log, and mend the user files",
)
DESCRIPTIVE = Finding(
    "DESCRIPTIVE",
    "fewer than 100 samples beyond the percentile in a leg: it describes these legs and little more",
    "lengthen the stage or raise its load",
)
DIFFERENT_MIX = Finding(
    "DIFFERENT_MIX",
    "an endpoint was requested in one arm only: all requests together compare different mixes",
    "judge endpoints one by one, or make the load the same for both arms",
)
HOLLOW = Finding(
    "HOLLOW",
    "most answers of after have nothing in them: empty, redirects, or 304: what was measured is little work",
    "see what the service answers; check answers in the user files",
)
SHORTER = Finding(
    "SHORTER",
    "the answers to an endpoint are less than half as long after as before: less may have been done",
    "compare what both arms answer",
)
ARMS_ALIKE = Finding(
    "ARMS_ALIKE",
    "the plan gives before and after the same revision and settings: one thing is compared with itself",
    "give [arms.after] the revision or env that makes it after",
)
STEP_BROKEN = Finding(
    "STEP_BROKEN",
    "in a leg of a step between before and after a guard broke: no requests, or a generator too busy",
    "leave the steps aside; before and after are not touched by it",
)
COUPLED = Finding(
    "COUPLED",
    "users wait for answers, so the faster arm was asked more: latency and req/s are one finding, not two",
    "read either, not both",
)
IN_STEPS = Finding(
    "IN_STEPS",
    "what is held is known to the step: an arm may hold anything below its next stress stage",
    "add stress stages between",
)
LOWER_BOUND = Finding(
    "LOWER_BOUND",
    "a leg held even the largest stress stage: it may hold more, and the change be another",
    "add a larger stress stage",
)
ANSWERS_NOT_COMPARED = Finding(
    "ANSWERS_NOT_COMPARED",
    "whether after still answers the same as before was not looked at",
    "add [answers] to the plan: both arms are asked the same requests once, before the load",
)
MEASURED_ONCE = Finding(
    "MEASURED_ONCE",
    "an arm is migrated once in a run: how much the time varies is not known",
    "run the plan again and compare",
)


def caveats_of_run(
    summary: Summary,
    comparison: Comparison,
    agreement: ResponseAgreement | None = None,
    replies: Sequence[Statuses] = (),
    *,
    interrupted: bool = False,
) -> Iterator[Finding]:
    """What is to be kept in mind of a whole run."""
    yield from _of_replies(replies)
    settling = summary.settling
    if interrupted:
        yield INTERRUPTED
    if comparison.blocks < BLOCKS_FOR_SIGNIFICANCE:
        yield FEW_BLOCKS
    if comparison.sequential:
        yield SEQUENTIAL
    asked = {arm: {row.endpoint for row in summary.rows if row.arm == arm and row.block is None} for arm in ARMS}
    if asked["before"] != asked["after"]:
        yield DIFFERENT_MIX
    if any(broken_in_legs(summary, [leg for leg in summary.legs if leg.leg.arm not in ARMS])):
        yield STEP_BROKEN
    yield from _of_answers(summary, agreement)
    if any(leg.user_errors for leg in summary.legs) or (agreement and agreement.user_errors):
        yield USER_ERRORS
    if settling.dropped or settling.cuts:
        yield not_steady_yet(settling)
    if waited := arrivals_waited(summary):
        yield waited
    yield from search_ends(summary)
    if any(_late(summary, leg) for leg in summary.legs):
        yield GENERATOR_LATE


def _late(summary: Summary, leg: LegFacts) -> bool:
    row = summary.row(leg.leg.arm, leg.leg.block, None, None)
    return leg.lag_p99_ms > allowed_lag_ms(row.value("p50") if row else None)


def _of_answers(summary: Summary, agreement: ResponseAgreement | None) -> Iterator[Finding]:
    if agreement is None:
        yield ANSWERS_NOT_COMPARED
    else:
        yield from uncompared(agreement, {row.endpoint for row in summary.rows if row.arm in ARMS and row.endpoint})


def _of_replies(replies: Sequence[Statuses]) -> Iterator[Finding]:
    if hollow(replies):
        yield HOLLOW
    elif shorter(replies):
        yield SHORTER


def caveats_of_migration(rehearsal: MigrationUnderLoad | None) -> Iterator[Finding]:
    """What the migration under load did not do, or left behind."""
    if rehearsal and rehearsal.failed:
        seen = f"the migration under load was not gone through: {rehearsal.failed}"
        yield Finding("MIGRATION_NOT_DONE", seen, "read logs/migration-under-load.*")
    elif rehearsal and rehearsal.rolled_back is False:
        found = [difference.what for difference in rehearsal.record.differences or ()]
        what = f"the schema differs in {', '.join(found[:NAMED])}" if found else "it answers otherwise"
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        seen = f"migrated and rolled back, the database is not as before: {what}{more}"
        yield Finding("ROLLED_BACK_OTHERWISE", seen, "mend the downgrade, or plan another way back")


def caveats_of_pair(pair: Pair, comparison: Comparison, *, relative: bool) -> Iterator[Finding]:
    """What is to be kept in mind of a pair; ``relative``: of its change, and not of after alone."""
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
