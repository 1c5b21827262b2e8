"""``summary.json``, ``comparison.json``, ``verdict.json`` and ``attribution.json``: not rounded, null where missing."""

import json
import math
from dataclasses import asdict
from typing import Any

from harness.analysis.capacity import SearchResult
from harness.analysis.change import BlockPair, Change
from harness.analysis.comparison import Comparison, Pair
from harness.analysis.recovery import Recovery
from harness.analysis.row import Row
from harness.analysis.steps import Attribution, Waterfall
from harness.analysis.summary import Summary
from harness.finding import Finding
from harness.metrics import LOADS_HELD, METRICS, Origin
from harness.record.generation import OfferedLoad
from harness.record.leg import Window
from harness.statistics.intervals import Interval
from harness.verdict.checks import Check
from harness.verdict.guards import AbortedLeg
from harness.verdict.judge import Verdict
from harness.verdict.outcomes import JudgedRow, Outcomes

SCHEMA = 1


def summary_record(summary: Summary) -> dict[str, Any]:
    """``summary.json``: a row per arm, block, stage and endpoint; generator, capacity, arrivals and faults of each leg.

    ``steps`` are the stress stages of each leg, ``tagged`` the rows of each tag; times of ``faults`` are in seconds.
    """
    return {
        "schema": SCHEMA,
        "rows": [_row(row) for row in summary.rows],
        **({"tagged": [_row(row) for row in summary.tagged]} if summary.tagged else {}),
        "legs": [
            {
                "number": facts.leg.number,
                "block": facts.leg.block,
                "arm": facts.leg.arm,
                "requests": facts.requests,
                "generator_cpu_share": _finite(facts.cpu_share),
                "generator_lag_p99_ms": _finite(facts.lag_p99_ms),
                "schedule_lag_p99_ms": _finite(facts.schedule_lag_p99_ms),
                "gc_pause_ms": _finite(facts.gc_pause_ms),
            }
            for facts in summary.legs
        ],
        "steps": [
            {"block": s.leg.block, "arm": s.leg.arm, "stage": s.stage}
            | ({"users": s.users} if s.rate is None else {"rate": s.rate})
            | {"held": s.held}
            for s in summary.steps
        ],
        "arrivals": [
            {"block": facts.leg.block, "arm": facts.leg.arm, **_arrivals(window, offered)}
            for facts in summary.legs
            for window, offered in facts.arrivals
        ],
        "searches": [_search(found) for found in summary.searches],
        "faults": [_recovery(recovery) for recovery in summary.recoveries],
        "consumers": [
            {
                "arm": consumer.arm,
                "name": consumer.name,
                "cpu_of_host": _finite(consumer.cpu),
                "memory_mb": _finite(consumer.memory_mb),
                "threads": consumer.threads,
                "descriptors": consumer.descriptors,
                "growth_mb_per_hour": _interval(consumer.growth),
                "least_told_mb_per_hour": _finite(consumer.detectable),
                "memory_course": consumer.course,
            }
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
            {
                "id": part.claim.id,
                "says": part.claim.says,
                "claimed": {"before": part.claim.before, "after": part.claim.after},
                "holding": part.outcome.value,
                "checks": [_check(check) for check in part.checks],
                "unmeasured": part.claim.unmeasured,
            }
            for part in verdict.claims
        ],
        "answers": _answers(verdict),
        "caveats": [_remark(caveat) for caveat in verdict.caveats],
        "breaches": [_remark(breach) for breach in verdict.breaches],
        **({"stops": [_stop(stop) for stop in verdict.aborts]} if verdict.aborts else {}),
    }


def attribution_record(attribution: Attribution) -> dict[str, Any]:
    """``attribution.json``: each metric with its level after every step."""
    return {
        "schema": SCHEMA,
        "stage": attribution.chain.stage,
        "endpoint": attribution.chain.endpoint,
        "metrics": [_waterfall(fall) for fall in attribution.waterfalls],
    }


def to_json(record: dict[str, Any]) -> str:
    """A record as JSON with a line per item of its lists, so that two runs can be compared by line.

    Raises:
        ValueError: for a number that is not finite.
    """
    parts = []
    for key, value in record.items():
        if isinstance(value, list) and value:
            items = ",\n".join(f"    {_dumps(item)}" for item in value)
            parts.append(f"  {_dumps(key)}: [\n{items}\n  ]")
        else:
            parts.append(f"  {_dumps(key)}: {_dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _recovery(found: Recovery) -> dict[str, Any]:
    place = {"block": found.leg.block, "arm": found.leg.arm, "at": found.fault.at, "kind": found.fault.kind.value}
    return place | {
        "service": found.fault.service,
        "began": found.began,
        "ended": found.ended,
        "failures": found.failures,
        "failed_after": found.failed_after,
        "detected_after": found.noticed_after,
        "detected": found.noticed,
        "signal_back_after": found.calmed_after,
        "recovered_after": found.recovered_after,
        "recovered": found.recovered,
    }


def _search(found: SearchResult) -> dict[str, Any]:
    known = found.bracket
    return {
        "block": found.leg.block,
        "arm": found.leg.arm,
        "stage": found.stage,
        "held": known.low,
        "missed": known.high,
        "ended": found.ended.name.lower(),
        "tries": [
            {name: _finite(value) if isinstance(value, float) else value for name, value in asdict(tried).items()}
            | {"word": word.value}
            for tried, word in zip(found.tries, found.words, strict=True)
        ],
    }


def _arrivals(window: Window, offered: OfferedLoad) -> dict[str, Any]:
    return {
        "stage": offered.stage,
        "rate": window.rate,
        "planned": offered.planned,
        "started": offered.started,
        "late": offered.late,
        "dropped": offered.dropped,
        "most_users": offered.most_users,
        "users": window.users,
    }


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _row(row: Row) -> dict[str, Any]:
    missed = next(iter(row.upper_ends.values()), None)
    readings = {name: _finite(value) for name, value in row.values.items() if name not in METRICS}
    return {
        "arm": row.arm,
        "block": row.block,
        "stage": row.stage,
        "endpoint": row.endpoint,
        "requests": row.requests,
        "failures": row.failures,
        **{m.key: _finite(row.value(m.name)) for m in METRICS.values() if m.origin is not Origin.MIGRATION_UNDER_LOAD},
        "hits": row.hits,
        "lookups": row.lookups,
        "seconds": _finite(row.seconds),
        "design_effect": _finite(row.design_effect),
        "held_all": not row.lower_bounds.isdisjoint(LOADS_HELD),
        "rate_missed": _finite(missed),
        "searched": bool(row.upper_ends),
        "detected": not row.at_least(METRICS["detection_seconds"]),
        "recovered": not row.at_least(METRICS["recovery_seconds"]),
        **({"readings": readings} if readings else {}),
        **({"tag": row.tag} if row.tag is not None else {}),
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "metric": pair.metric.name,
        "stage": pair.stage,
        "endpoint": pair.endpoint,
        **({"tag": pair.tag} if pair.tag is not None else {}),
        "before": _finite(pair.before),
        "after": _finite(pair.after),
        "before_at_least": pair.before_at_least,
        "after_at_least": pair.after_at_least,
        "before_interval": _interval(pair.before_interval),
        "after_interval": _interval(pair.after_interval),
        "change": _change(pair.change),
        "least_samples": pair.least_requests,
        "blocks": [_block(block) for block in pair.blocks],
    }


def _block(block: BlockPair) -> dict[str, Any]:
    """The values of a block, with the upper ends of the brackets of a search."""
    values: dict[str, Any] = {"block": block.block, "before": _finite(block.before), "after": _finite(block.after)}
    if block.before_high is None and block.after_high is None:
        return values
    return values | {"before_high": _finite(block.before_high), "after_high": _finite(block.after_high)}


def _judged_row(row: JudgedRow) -> dict[str, Any]:
    return {
        "outcome": row.outcome.value,
        "smallest_that_counts": _finite(row.minimum_effect),
        "smallest_visible": _finite(row.detectable),
        "reason": row.reason.value if row.reason else None,
    }


def _waterfall(fall: Waterfall) -> dict[str, Any]:
    levels = [
        {"arm": level.arm, "value": _finite(level.value), "interval": _interval(level.interval)}
        for level in fall.levels
    ]
    return {
        "metric": fall.total.metric.name,
        "before": levels[0],
        "steps": [
            {
                "step": part.step.name,
                "revision": part.step.revision,
                "env": part.step.env,
                **level,
                "change": _change(part.pair.change),
                "share": _finite(part.share),
                "seen": part.seen,
                "least_samples": part.pair.least_requests,
            }
            for part, level in zip(fall.contributions, levels[1:], strict=True)
        ],
        "total": _change(fall.total.change),
    }


def _answers(verdict: Verdict) -> dict[str, Any] | None:
    """The response comparison; ``parting`` is the request at which it ended, null if it did not."""
    agreement, outcome = verdict.agreement, verdict.answers
    if agreement is None or outcome is None:
        return None
    return {
        "outcome": outcome.value,
        "reason": agreement.outcome.value,
        "wanted": agreement.wanted,
        "asked": agreement.total.asked,
        "equal": agreement.total.equal,
        "different": agreement.total.different,
        "before_failed": agreement.total.before_failed,
        "both_failed": agreement.total.both_failed,
        "parting": asdict(agreement.parting) if agreement.parting else None,
        "endpoints": [asdict(place) for place in agreement.places],
        "differences": [asdict(difference) for difference in agreement.differences],
    }


def _check(check: Check) -> dict[str, Any]:
    pair = check.pair
    return {
        "expect": check.target.expect,
        "stage": check.target.stage,
        "endpoint": check.target.endpoint,
        **({"tag": check.target.tag} if check.target.tag is not None else {}),
        "claim": check.target.claim,
        "severity": check.target.severity,
        "outcome": check.outcome.value,
        "before": _finite(pair.before) if pair else None,
        "after": _finite(pair.after) if pair else None,
        "before_at_least": pair.before_at_least if pair else False,
        "after_at_least": pair.after_at_least if pair else False,
        "after_interval": _interval(pair.after_interval) if pair else None,
        "change": _change(pair.change) if pair else None,
        "reason": check.reason.value,
        "caveats": [_remark(caveat) for caveat in check.caveats],
    }


def _change(change: Change | None) -> dict[str, Any] | None:
    if change is None:
        return None
    value = _finite(change.value)
    return {
        "scale": change.scale,
        "ratio": value if change.scale == "ratio" else None,
        "difference": value if change.scale != "ratio" else None,
        "low": _finite(change.low),
        "high": _finite(change.high),
        "p": _finite(change.p),
        "worst": _finite(change.worst),
    }


def _interval(interval: Interval | None) -> dict[str, float | None] | None:
    return {"low": _finite(interval.low), "high": _finite(interval.high)} if interval else None


def _stop(stop: AbortedLeg) -> dict[str, Any]:
    aborted = stop.aborted
    return {
        "leg": stop.leg.title,
        "arm": stop.leg.arm,
        "when": aborted.when,
        "stage": aborted.stage,
        "endpoint": aborted.endpoint,
        "second": _finite(aborted.second),
        "value": _finite(aborted.value),
        **_remark(stop.finding),
    }


def _remark(finding: Finding) -> dict[str, str]:
    return {"kind": finding.code.lower(), "what": finding.seen, "advice": finding.advice}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
