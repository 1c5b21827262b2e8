"""Verdicts on capacity searches: intervals over blocks, bounds and caveats; without a decision nothing passes."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from harness.analysis.comparison import Comparison, compare
from harness.analysis.summary import summarise
from harness.plan.file import parse_plan
from harness.plan.search import Ending, Searched, Try, TryOutcome
from harness.record.capacity_tries import TryRequests, judge_try
from harness.record.outcome import Outcome
from harness.verdict.judge import Measurement, judge
from harness.verdict.targets import Reason
from tests.doubles import synthetic_setup
from tests.pure.plan.checks.test_search import PLAN
from tests.pure.verdict.searching import searching

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.analysis.summary import Summary
    from harness.record.leg import Leg
    from harness.verdict.judge import Verdict

SPREAD = {1: 0.97, 2: 1.02, 3: 1.0, 4: 0.99, 5: 1.03, 6: 1.01}


def text_with(*targets: str, blocks: int = 6) -> str:
    text = PLAN.replace('["users.py"]', f'["users.py"]\nblocks = {blocks}').partition("[[targets]]")[0]
    return text + "".join(f'[[targets]]\nexpect = "{target}"\n' for target in targets)


@cache
def spread(before: float, after: float) -> Callable[[Leg], float]:
    return lambda leg: (before if leg.arm == "before" else after) * SPREAD[leg.block]


def same(searched: Searched) -> Searched:
    return searched


@cache
def measured(
    capacity: Callable[[Leg], float], blocks: int, most: int, change: Callable[[Searched], Searched]
) -> tuple[Summary, Comparison]:
    """The trials of a plan with this many blocks; they do not depend on its targets."""
    plan = parse_plan(text_with(blocks=blocks))
    summary = summarise(searching(plan, capacity, most, change), limits=plan.limits)
    return summary, compare(summary)


def judged(
    capacity: Callable[[Leg], float],
    *targets: str,
    blocks: int = 6,
    most: int = 200,
    change: Callable[[Searched], Searched] = same,
) -> tuple[Comparison, Verdict]:
    plan = parse_plan(text_with(*targets, blocks=blocks))
    summary, comparison = measured(capacity, blocks, most, change)
    return comparison, judge(Measurement(plan, synthetic_setup(plan), summary, comparison))


def outcome(capacity: Callable[[Leg], float], target: str, most: int = 200) -> tuple[Outcome, Reason]:
    _, verdict = judged(capacity, target, most=most)
    return verdict.checks[0].outcome, verdict.checks[0].reason


def test_the_ratio_has_an_interval_that_contains_the_true_one_and_the_width_of_the_brackets() -> None:
    comparison, _ = judged(spread(31, 248))
    pair = comparison.pair("rate_held", None, None)
    assert pair is not None
    assert pair.searched
    assert pair.before_interval is not None
    assert pair.after_interval is not None
    assert pair.before_interval.low < 31 < pair.before_interval.high
    assert pair.after_interval.low < 248 < pair.after_interval.high
    change = pair.change
    assert change is not None
    assert change.low is not None
    assert change.high is not None
    assert change.low < 8 < change.high
    assert 1.05 < change.high / change.low < 1.35


def test_blocks_that_agree_exactly_are_known_no_better_than_to_their_bracket() -> None:
    comparison, _ = judged(lambda leg: 31 if leg.arm == "before" else 248)
    pair = comparison.pair("rate_held", None, None)
    assert pair is not None
    assert pair.after_interval is not None
    assert pair.after_interval.low <= 248 < pair.after_interval.high
    assert pair.after_interval.high > 1.02 * pair.after_interval.low


@pytest.mark.parametrize(
    ("target", "came"),
    [
        ("rate_held >= 150", (Outcome.PASS, Reason.MET)),
        ("rate_held >= 248", (Outcome.INCONCLUSIVE, Reason.STRADDLES)),
        ("rate_held >= 350", (Outcome.FAIL, Reason.MISSED)),
        ("rate_held rises by 500 %", (Outcome.PASS, Reason.MET)),
        ("rate_held rises by 700 %", (Outcome.INCONCLUSIVE, Reason.STRADDLES)),
        ("rate_held rises by 1500 %", (Outcome.FAIL, Reason.MISSED)),
        ("rate_held falls by at most 5 %", (Outcome.PASS, Reason.MET)),
    ],
)
def test_a_capacity_is_judged_by_its_interval(target: str, came: tuple[Outcome, Reason]) -> None:
    assert outcome(spread(31, 248), target) == came


@pytest.mark.parametrize(
    ("before", "after", "target", "came"),
    [
        # after holds all that is tried, 400 a second: a lower bound
        (31, 900, "rate_held >= 400", (Outcome.PASS, Reason.MET)),
        (31, 900, "rate_held rises by 1000 %", (Outcome.PASS, Reason.MET)),
        (31, 900, "rate_held rises by 9000 %", (Outcome.INCONCLUSIVE, Reason.SEARCH_UNBOUNDED)),
        # and so does before: nobody knows the change
        (900, 900, "rate_held rises by 10 %", (Outcome.INCONCLUSIVE, Reason.SEARCH_UNBOUNDED)),
        (900, 100, "rate_held falls by at most 5 %", (Outcome.INCONCLUSIVE, Reason.SEARCH_UNBOUNDED)),
        # not even the least, 20 a second
        (5, 100, "rate_held rises by 100 %", (Outcome.INCONCLUSIVE, Reason.NO_RATIO)),
        (100, 5, "rate_held falls by at most 5 %", (Outcome.INCONCLUSIVE, Reason.NO_RATIO)),
        (100, 5, "rate_held >= 30", (Outcome.FAIL, Reason.MISSED)),
        (100, 5, "rate_held >= 10", (Outcome.INCONCLUSIVE, Reason.STRADDLES)),
        (100, 5, "rate_held >= 0.001", (Outcome.INCONCLUSIVE, Reason.STRADDLES)),
    ],
)
def test_bounds_never_pass_by_accident(before: float, after: float, target: str, came: tuple[Outcome, Reason]) -> None:
    assert outcome(spread(before, after), target) == came


def test_a_single_unbounded_leg_leaves_the_upper_end_open() -> None:
    comparison, verdict = judged(lambda leg: 900 if leg == leg_of(2) else spread(31, 248)(leg), "rate_held >= 350")
    pair = comparison.pair("rate_held", None, None)
    assert pair is not None
    assert pair.after_interval is not None
    assert pair.after_interval.high == math.inf
    assert verdict.checks[0].outcome is Outcome.INCONCLUSIVE


def leg_of(block: int) -> Leg:
    legs = synthetic_setup(parse_plan(text_with())).legs
    return next(leg for leg in legs if (leg.block, leg.arm) == (block, "after"))


def test_one_block_has_no_interval() -> None:
    _, verdict = judged(spread(31, 248), "rate_held >= 50", "rate_held rises by 50 %", blocks=1)
    assert [check.reason for check in verdict.checks] == [Reason.NO_INTERVAL, Reason.NO_INTERVAL]


def test_a_search_without_a_decided_try_is_no_data_and_no_pass() -> None:
    assert outcome(spread(5, 5), "rate_held >= 1", most=1) == (Outcome.INCONCLUSIVE, Reason.NO_DATA)


@pytest.mark.parametrize(
    ("before", "after", "most", "ends"),
    [
        (31, 248, 200, []),
        (31, 900, 200, [("SEARCH_ENDED_MOST", "after 6 of 6 legs")]),
        (5, 248, 200, [("SEARCH_ENDED_LEAST", "before 6 of 6 legs")]),
        (31, 248, 4, [("SEARCH_ENDED_TIME", "before 6 of 6 legs, after 6 of 6 legs")]),
    ],
)
def test_searches_without_the_planned_bracket_are_caveats(
    before: float, after: float, most: int, ends: list[tuple[str, str]]
) -> None:
    _, verdict = judged(spread(before, after), "rate_held >= 10", most=most)
    said = [caveat for caveat in verdict.caveats if caveat.code.startswith("SEARCH")]
    assert [caveat.code for caveat in said] == [name for name, _ in ends]
    assert all(f"({legs})" in caveat.seen for caveat, (_, legs) in zip(said, ends, strict=True))


def test_a_disputed_try_makes_the_run_invalid() -> None:
    def lied(searched: Searched) -> Searched:
        first, *rest = searched.tries
        return replace(searched, tries=(replace(first, word=TryOutcome.MISSED), *rest))

    _, verdict = judged(spread(31, 248), "rate_held >= 10", change=lied)
    assert verdict.outcome is Outcome.INVALID
    assert [breach.code for breach in verdict.breaches] == ["SEARCH_DISPUTED"]
    assert "20 per second as not held, but its recorded samples differ" in verdict.breaches[0].seen


def test_requests_of_a_search_are_in_no_latency_and_no_rate() -> None:
    comparison, _ = judged(spread(31, 248))
    pooled, sustain = (comparison.pair("p95", stage, None) for stage in (None, "sustain"))
    assert pooled is not None
    assert sustain is not None
    assert (pooled.before, pooled.after) == (sustain.before, sustain.after)
    assert comparison.pair("p95", "capacity", None) is None


TRY = Try(
    load=100,
    attempt=1,
    start=8.0,
    measured_from=10.0,
    end=20.0,
    planned=1000,
    started=1000,
    unanswered=0,
    cut=False,
    users=4000,
    most_users=60,
    cpu_share=0.3,
    lag_p99_ms=1.0,
    word=TryOutcome.VOID,
)


def answers(late_ms: float, waited_ms: float = 0.0, share: float = 0.1, failed: int = 0) -> TryRequests:
    """A thousand requests, this share of them slow, or sent late."""
    due = (np.linspace(10, 20, 1000, endpoint=False) * 1e9).astype(np.int64)
    slow = np.arange(1000) < share * 1000
    sent = due + np.where(slow, waited_ms * 1e6, 0).astype(np.int64)
    return TryRequests(due, sent, np.where(slow, late_ms, 40).astype(np.int64) * 1_000_000, np.arange(1000) >= failed)


@pytest.mark.parametrize(
    ("change", "given", "word"),
    [
        ({}, answers(300), TryOutcome.HELD),
        ({}, answers(301), TryOutcome.MISSED),
        ({}, answers(301, share=0.05), TryOutcome.HELD),  # the 95th percentile is the last good one
        ({}, answers(40, failed=10), TryOutcome.HELD),
        ({}, answers(40, failed=11), TryOutcome.MISSED),  # errors answer fast
        ({"started": 990}, answers(40), TryOutcome.HELD),
        ({"started": 989}, answers(40), TryOutcome.VOID),  # users were free, so the generator was late
        ({"started": 989, "most_users": 4000}, answers(40), TryOutcome.MISSED),  # all at work: the service was
        ({"unanswered": 1}, answers(40), TryOutcome.MISSED),
        ({"cut": True}, answers(301), TryOutcome.MISSED),
        ({"cpu_share": 0.81}, answers(301), TryOutcome.VOID),
        ({"cpu_share": 0.81}, answers(40), TryOutcome.HELD),  # what the generator adds only lengthens
        ({}, answers(40, waited_ms=400), TryOutcome.VOID),  # sent late, answered at once
        ({"most_users": 4000}, answers(40, waited_ms=400), TryOutcome.MISSED),  # it waited for a free user
        ({"measured_from": 30.0, "end": 40.0}, answers(40), TryOutcome.MISSED),  # no samples
    ],
)
def test_the_outcome_of_a_try(change: dict[str, float], given: TryRequests, word: TryOutcome) -> None:
    limits = parse_plan(PLAN).limits
    assert judge_try(limits, replace(TRY, **change), given) is word  # type: ignore[arg-type]


def test_every_end_of_a_search_has_a_finding() -> None:
    from harness.verdict.arrivals import ENDS  # noqa: PLC0415
    from reports.sections.search import ENDED  # noqa: PLC0415

    assert set(ENDED) == set(Ending)
    assert set(ENDS) == set(Ending) - {Ending.FOUND}
