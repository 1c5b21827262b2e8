"""What an abort says, what a window of requests says of it, and what is refused."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from harness.errors import PlanError
from harness.metrics import RequestCounts
from harness.plan.aborts import Abort, parse_abort
from harness.plan.expectation import ExpectationError
from harness.plan.file import parse_plan
from harness.statistics.percentiles import percentile
from tests.doubles import CHAIN_PLAN, PLAN


def quantile_of(latencies: list[float]) -> Callable[[float], float | None]:
    return lambda share: percentile(np.array(latencies), Fraction(share).limit_denominator(1000))


@pytest.mark.parametrize(
    ("text", "metric", "limit", "below", "seconds"),
    [
        ("p90 > 1 s for 10 s", "p90", 1000.0, False, 10),
        ("p99 > 800 ms for 1 s", "p99", 800.0, False, 1),
        ("  error_rate > 20 % for 5s ", "error_rate", 0.2, False, 5),
        ("rps < 1 for 30 s", "rps", 1.0, True, 30),
        ("p50 >= 40ms for 3600 s", "p50", 40.0, False, 3600),
    ],
)
def test_what_an_abort_says(text: str, metric: str, limit: float, *, below: bool, seconds: int) -> None:
    danger = parse_abort(text)
    assert (danger.metric.name, danger.beyond.below, danger.seconds) == (metric, below, seconds)
    assert danger.beyond.limit == pytest.approx(limit)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("p90 > 1 s", 'an abort looks like "p90 > 1 s for 10 s"'),
        ("", "an abort looks like"),
        ("p90 falls by 10 % for 10 s", "an abort looks like"),
        ("p90 > 1 s for 0 s", "whole seconds, from 1"),
        ("p90 > 1 s for 1.5 s", "whole seconds, from 1"),
        ("p90 > 1 s for -5 s", "whole seconds, from 1"),
        ("p90 > 1 s for 3601 s", "to 3600"),
        ("p90 > 1 s for 10 min", "an abort looks like"),
        ("p90 > 1 for 10 s", 'p90 is given in "ms"'),
        ("p90 > 1 req/s for 10 s", 'p90 is given in "ms"'),
        ("error_rate > 20 for 5 s", 'did you mean "20 %"?'),
        ("p96 > 1 s for 10 s", 'did you mean "p9'),
        ("queries_per_request > 9 for 10 s", "known are p50, p90"),
        ("database_cpu > 90 % for 10 s", "not known while the load runs"),
        ("p90 < 1 s for 10 s", 'would end the load on an improvement; write "p90 > ..."'),
        ("rps > 100 for 10 s", 'would end the load on an improvement; write "rps < ..."'),
    ],
)
def test_what_is_not_an_abort_says_what_would_be(text: str, hint: str) -> None:
    with pytest.raises(ExpectationError) as caught:
        parse_abort(text)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("when", "latencies", "failures", "value", "broken"),
    [
        ("p90 > 100 ms for 10 s", [50.0] * 26 + [150.0] * 3, 0, 150.0, True),  # the 27th of 29
        ("p90 > 100 ms for 10 s", [50.0] * 27 + [150.0] * 3, 0, 50.0, False),
        ("p90 > 150 ms for 10 s", [150.0] * 40, 0, 150.0, False),  # the limit itself is no danger
        ("p90 > 100 ms for 10 s", [150.0] * 28, 0, None, False),  # too few to say
        ("p90 > 100 ms for 10 s", [], 500, None, False),  # failures have no latency
        ("error_rate > 20 % for 10 s", [5.0] * 79, 21, 0.21, True),
        ("error_rate > 20 % for 10 s", [5.0] * 80, 20, 0.2, False),
        ("error_rate > 20 % for 10 s", [], 0, None, False),
        ("rps < 2 for 10 s", [5.0] * 19, 100, 1.9, True),  # a failure is no answer
        ("rps < 2 for 10 s", [5.0] * 20, 0, 2.0, False),
        ("rps < 1 for 10 s", [], 0, 0.0, True),  # a service that hangs
    ],
)
def test_a_window_of_requests(
    when: str, latencies: list[float], failures: int, value: float | None, *, broken: bool
) -> None:
    danger = parse_abort(when)
    counts = RequestCounts(requests=len(latencies) + failures, failures=failures, seconds=10.0)
    found = danger.value(counts, quantile_of(latencies))
    assert found == (value if value is None else pytest.approx(value))
    assert (found is not None and danger.beyond.exceeded_by(found)) is broken


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('when = "p90 > 1 s for 0 s"', "aborts[0].when: "),
        ('when = "p90 > 1 s for 10 s"\nstage = "peak"', 'aborts[0].stage: no stage "peak"; '),
        (
            'when = "p90 > 1 s for 10 s"\narms = ["afterwards"]',
            'aborts[0].arms: no arm "afterwards"; did you mean "after"?',
        ),
        ('when = "p90 > 1 s for 10 s"\narms = []', "aborts[0].arms: "),
        ('when = "p90 > 1 s for 10 s"\ngrace = 5', 'aborts[0].grace: unknown key; did you mean "grace_seconds"?'),
        ('when = "p90 > 1 s for 10 s"\ngrace_seconds = -1', "aborts[0].grace_seconds: "),
        ('when = "p90 > 1 s for 33 s"', "aborts[0].when: a window of 33 s, and the load has 32 s"),
        (
            'when = "p90 > 1 s for 20 s"\nstage = "sustain"\ngrace_seconds = 11',
            "aborts[0].when: 11 s of grace and a window of 20 s, and the stage has 30 s: it would never be evaluated",
        ),
        ('stage = "sustain"', "aborts[0].when: missing"),
    ],
)
def test_aborts_that_could_not_be_watched_are_refused(table: str, problem: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_plan(f"{PLAN}[[aborts]]\n{table}\n")
    assert problem in str(caught.value)


def test_aborts_watch_after_unless_they_say_which_arms() -> None:
    plan = parse_plan(
        f'{CHAIN_PLAN}[[aborts]]\nwhen = "rps < 1 for 9 s"\n[[aborts]]\nwhen = "p99 > 9 s for 5 s"\narms = ["cache"]\n'
    )
    assert [abort.arms for abort in plan.aborts] == [("after",), ("cache",)]
    assert ("aborts[1]", plan.aborts[1]) in plan.places


def test_a_profile_may_leave_no_room_for_a_window() -> None:
    """It scales time, and limits stay: what never fills its window ends nothing."""
    text = f'{PLAN}[[aborts]]\nwhen = "rps < 1 for 20 s"\n[profiles.quick]\ntime = 0.1\n'
    assert parse_plan(text, profile="quick").aborts == (Abort(when="rps < 1 for 20 s"),)
