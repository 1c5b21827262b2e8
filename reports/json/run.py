"""``summary.json``, ``comparison.json``, ``verdict.json`` and ``attribution.json``."""

from dataclasses import asdict
from typing import Any

from harness.analysis.capacity import SearchResult
from harness.analysis.change import BlockPair
from harness.analysis.comparison import Comparison, Pair
from harness.analysis.recovery import Recovery
from harness.analysis.row import Row
from harness.analysis.steps import Attribution, Waterfall
from harness.analysis.summary import Summary
from harness.finding import Finding
from harness.metrics import LOADS_HELD, METRICS, Origin
from harness.plan.targets import Target
from harness.verdict.aborts import AbortedLeg
from harness.verdict.judge import Verdict
from harness.verdict.outcomes import JudgedRow, Outcomes
from harness.verdict.targets import Check
from reports.json.fields import LEG, SCHEMA, fields, plain_value

OF_PAIR = ("before", "after", "before_at_least", "after_at_least")


def summary_record(summary: Summary) -> dict[str, Any]:
    """``summary.json``: a row per arm, block, stage and endpoint; generator, capacity, arrivals and faults of each leg.

    ``steps`` are the stress stages of each leg, ``tagged`` the rows of each tag; times of ``faults`` are in seconds.
    """
    generator = ("generator_cpu_share=cpu_share", "generator_lag_p99_ms=lag_p99_ms")
    return {
        "schema": SCHEMA,
        "rows": [_row(row) for row in summary.rows],
        **({"tagged": [_row(row) for row in summary.tagged]} if summary.tagged else {}),
        "legs": [
            fields(facts, "number=leg.number", *LEG, "requests", *generator, "schedule_lag_p99_ms", "gc_pause_ms")
            for facts in summary.legs
        ],
        "steps": [
            fields(step, *LEG, "stage", "users" if step.rate is None else "rate", "held") for step in summary.steps
        ],
        "arrivals": [
            fields(facts, *LEG)
            | {"stage": offered.stage, "rate": window.rate}
            | fields(offered, "planned", "started", "late", "dropped", "most_users")
            | {"users": window.users}
            for facts in summary.legs
            for window, offered in facts.arrivals
        ],
        "searches": [_search(found) for found in summary.searches],
        "faults": [_recovery(recovery) for recovery in summary.recoveries],
        "consumers": [
            fields(consumer, "arm", "name", "cpu_of_host=cpu", "memory_mb", "threads", "descriptors")
            | fields(consumer, "growth_mb_per_hour=growth", "least_told_mb_per_hour=detectable", "memory_course=course")
            for consumer in summary.consumers
        ],
    }


def comparison_record(comparison: Comparison, outcomes: Outcomes) -> dict[str, Any]:
    """``comparison.json``: each metric in each stage and endpoint before and after, with its blocks and its outcome.

    ``smallest_that_counts`` and ``smallest_visible`` are the minimum and the minimum detectable effect: fractions of
    before, or of 1 where the change is a difference.
    """
    sequential = {"sequential": True} if comparison.sequential else {}
    return {
        "schema": SCHEMA,
        "blocks": comparison.blocks,
        **sequential,
        "pairs": [_pair(pair) | {"outcome": _judged_row(outcomes.of(pair))} for pair in comparison.pairs],
        **({"tagged": [_pair(pair) for pair in comparison.tagged]} if comparison.tagged else {}),
    }


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    """``verdict.json``: the outcome, each check with its reason and caveats, claims, responses and broken guards."""
    return {
        "schema": SCHEMA,
        "outcome": verdict.outcome.value,
        "checks": [_check(check) for check in verdict.checks],
        "claims": [
            fields(part, "id=claim.id", "says=claim.says")
            | {"claimed": fields(part.claim, "before", "after"), "holding": part.outcome.value}
            | {"checks": [_check(check) for check in part.checks], "unmeasured": part.claim.unmeasured}
            for part in verdict.claims
        ],
        "answers": _answers(verdict),
        "caveats": [_remark(caveat) for caveat in verdict.caveats],
        "breaches": [_remark(breach) for breach in verdict.breaches],
        **({"stops": [_stop(stop) for stop in verdict.aborts]} if verdict.aborts else {}),
    }


def attribution_record(attribution: Attribution) -> dict[str, Any]:
    """``attribution.json``: each metric with its level after every step."""
    place = fields(attribution.chain, "stage", "endpoint")
    return {"schema": SCHEMA, **place, "metrics": [_waterfall(fall) for fall in attribution.waterfalls]}


def _recovery(found: Recovery) -> dict[str, Any]:
    times = ("failed_after", "detected_after=noticed_after", "detected=noticed", "signal_back_after=calmed_after")
    fault = ("at=fault.at", "kind=fault.kind", "service=fault.service")
    return fields(found, *LEG, *fault, "began", "ended", "failures", *times, "recovered_after", "recovered")


def _search(found: SearchResult) -> dict[str, Any]:
    tries = zip(found.tries, found.words, strict=True)
    return fields(found, *LEG, "stage", "held=bracket.low", "missed=bracket.high") | {
        "ended": found.ended.name.lower(),
        "tries": [fields(tried, *asdict(tried)) | {"word": word.value} for tried, word in tries],
    }


def _row(row: Row) -> dict[str, Any]:
    missed = next(iter(row.upper_ends.values()), None)
    metrics = [m for m in METRICS.values() if m.origin is not Origin.MIGRATION_UNDER_LOAD]
    readings = {name: plain_value(value) for name, value in row.values.items() if name not in METRICS}
    return {
        **fields(row, "arm", "block", "stage", "endpoint", "requests", "failures"),
        **{metric.key: plain_value(row.value(metric.name)) for metric in metrics},
        **fields(row, "hits", "lookups", "seconds", "design_effect"),
        "held_all": not row.lower_bounds.isdisjoint(LOADS_HELD),
        "rate_missed": plain_value(missed),
        "searched": bool(row.upper_ends),
        "detected": not row.at_least(METRICS["detection_seconds"]),
        "recovered": not row.at_least(METRICS["recovery_seconds"]),
        **({"readings": readings} if readings else {}),
        **_tag(row),
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        **fields(pair, "metric=metric.name", "stage", "endpoint"),
        **_tag(pair),
        **fields(pair, *OF_PAIR, "before_interval", "after_interval", "change", "least_samples=least_requests"),
        "blocks": [_block(block) for block in pair.blocks],
    }


def _tag(source: Row | Pair | Target) -> dict[str, str]:
    return {"tag": source.tag} if source.tag is not None else {}


def _block(block: BlockPair) -> dict[str, Any]:
    """The values of a block, with the upper ends of the brackets of a search."""
    searched = block.before_high is not None or block.after_high is not None
    return fields(block, "block", "before", "after", *(("before_high", "after_high") if searched else ()))


def _judged_row(row: JudgedRow) -> dict[str, Any]:
    return fields(row, "outcome", "smallest_that_counts=minimum_effect", "smallest_visible=detectable", "reason")


def _waterfall(fall: Waterfall) -> dict[str, Any]:
    levels = [fields(level, "arm", "value", "interval") for level in fall.levels]
    return {
        "metric": fall.total.metric.name,
        "before": levels[0],
        "steps": [
            fields(part, "step=step.name", "revision=step.revision", "env=step.env")
            | level
            | fields(part, "change=pair.change", "share", "seen", "least_samples=pair.least_requests")
            for part, level in zip(fall.contributions, levels[1:], strict=True)
        ],
        "total": plain_value(fall.total.change),
    }


def _answers(verdict: Verdict) -> dict[str, Any] | None:
    """The response comparison; ``parting`` is the request at which it ended, null if it did not."""
    agreement, outcome = verdict.agreement, verdict.answers
    if agreement is None or outcome is None:
        return None
    counts = fields(agreement.total, "asked", "equal", "different", "before_failed", "both_failed")
    details = fields(agreement, "parting", "endpoints=places", "differences")
    reason = agreement.outcome.value
    return {"outcome": outcome.value, "reason": reason, "wanted": agreement.wanted, **counts, **details}


def _check(check: Check) -> dict[str, Any]:
    target, pair = check.target, check.pair
    of_pair = (*OF_PAIR, "after_interval", "change")
    unknown = dict.fromkeys(of_pair) | {"before_at_least": False, "after_at_least": False}
    return {
        **fields(target, "expect", "stage", "endpoint"),
        **_tag(target),
        **fields(target, "claim", "severity"),
        "outcome": check.outcome.value,
        **(fields(pair, *of_pair) if pair else unknown),
        "reason": check.reason.value,
        "caveats": [_remark(caveat) for caveat in check.caveats],
    }


def _stop(stop: AbortedLeg) -> dict[str, Any]:
    leg, aborted = fields(stop.leg, "leg=title", "arm"), stop.aborted
    return leg | fields(aborted, "when", "stage", "endpoint", "second", "value") | _remark(stop.finding)


def _remark(finding: Finding) -> dict[str, str]:
    return {"kind": finding.code.lower(), "what": finding.seen, "advice": finding.advice}
