"""Statement counts per stage: by the share of each second, and no value with a gap in the readings."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness.analysis.comparison import compare
from harness.analysis.summary import Summary, summarise
from harness.plan.file import parse_plan
from harness.record.executions import HIDDEN, ExecutionRow, Executions, executions_of
from harness.record.outcome import Outcome
from harness.record.trial import Trial
from harness.verdict.judge import Measurement, judge
from tests.doubles import PLAN, synthetic_setup, synthetic_trials

Pairs = Sequence[tuple[Executions | None, Executions | None]]
SECOND = 10**9
TARGET = '[[targets]]\nexpect = "{}"\n'
WITH_DATABASE = PLAN.replace('kind = "local"\n', 'kind = "local"\nprovides = ["postgres"]\n')


def row(second: float, print_: str = "a", *, calls: int = 100, ms: float = 50.0, slowest: float = 0.0) -> ExecutionRow:
    """A row of the second that ends at this time."""
    at = int(second * SECOND)
    return at - SECOND, at, "", print_, calls, 2 * calls, 3 * calls, calls, 10 * calls, ms, slowest


def counted(rows: list[ExecutionRow], begun: float = -1.0, ended: float = 33.0) -> Executions:
    return executions_of(rows, int(begun * SECOND), int(ended * SECOND), {"a": "SELECT a", "b": "SELECT b"})


def trials_of(text: str, legs: Pairs) -> list[Trial]:
    """A run with a block for each pair of before and after; its stage sustain is measured from 4 to 32 s."""
    made = synthetic_trials(parse_plan(text.replace("blocks = 2", f"blocks = {len(legs)}")))
    return [replace(one, executions=legs[one.leg.block - 1][one.leg.arm == "after"]) for one in made]


def summed(*legs: tuple[Executions | None, Executions | None]) -> Summary:
    return summarise(trials_of(WITH_DATABASE, legs))


def steady(**values: float) -> Executions:
    return counted([row(second, **values) for second in range(33)])  # type: ignore[arg-type]


def test_work_per_request_is_what_was_counted_in_the_measured_seconds() -> None:
    summary = summed((steady(), steady(calls=10)))
    for arm, calls in (("before", 100), ("after", 10)):
        found = summary.row(arm, 1, "sustain", None)
        assert found is not None
        share = 28 / found.requests  # seconds
        assert found.value("db_statements_per_request") == pytest.approx(calls * share)
        assert found.value("db_rows_per_request") == pytest.approx(2 * calls * share)
        assert found.value("db_blocks_per_request") == pytest.approx(4 * calls * share)
        assert found.value("wal_bytes_per_request") == pytest.approx(10 * calls * share)
    of_endpoint = summary.row("after", 1, "sustain", "GET /content/{id}")
    assert of_endpoint is not None
    assert of_endpoint.value("db_blocks_per_request") is None


@pytest.mark.parametrize("shift", [-0.9, -0.25, 0.0, 0.01, 0.5, 0.999])
def test_a_second_counts_by_the_share_of_it_that_lies_in_the_stage(shift: float) -> None:
    moved = counted([row(second + shift) for second in range(-2, 36)], ended=34)
    found = summed((moved, moved)).row("after", 1, "ramp", None)
    assert found is not None
    assert found.value("db_statements_per_request") == pytest.approx(200 / found.requests)


def test_what_is_executed_after_the_last_stage_is_of_its_requests() -> None:
    late = counted([row(second) for second in range(33)] + [row(40, calls=5000)], ended=41)
    summary = summed((steady(), late))
    for arm, calls in (("before", 2800), ("after", 7800)):
        found, ramp = (summary.row(arm, 1, stage, None) for stage in ("sustain", "ramp"))
        assert found is not None
        assert ramp is not None
        assert found.value("db_statements_per_request") == pytest.approx(calls / found.requests)
        assert ramp.value("db_statements_per_request") == pytest.approx(200 / ramp.requests)


@pytest.mark.parametrize(("begun", "ended"), [(4.5, 33.0), (-1.0, 31.5)])
def test_a_stage_of_which_a_part_was_not_read_has_no_value(begun: float, ended: float) -> None:
    rows = [row(second) for second in range(34)]
    summary = summed((counted(rows), counted(rows, begun, ended)))
    before, after = (summary.row(arm, None, None, None) for arm in ("before", "after"))
    assert before is not None
    assert after is not None
    assert before.value("db_statements_per_request") is not None
    assert (after.value("db_statements_per_request"), after.value("slow_statements")) == (None, None)
    assert {use.arm for use in summary.statements} == {"before"}


def test_a_leg_without_counts_leaves_its_arm_without_a_value() -> None:
    summary = summed((steady(), steady()), (steady(), None))
    before, after = (summary.row(arm, None, None, None) for arm in ("before", "after"))
    assert before is not None
    assert after is not None
    assert before.value("db_blocks_per_request") is not None
    assert after.value("db_blocks_per_request") is None


@pytest.mark.parametrize(
    ("rows", "slow"),
    [
        ([row(10, ms=100 * 100.0)], 0),
        ([row(10, ms=100 * 100.5)], 1),  # the mean of a second
        ([row(10, ms=60.0, slowest=100.1)], 1),  # the longest ever, in that second
        ([row(10, slowest=99.0)], 0),
        ([row(3, slowest=900.0)], 0),  # in the warm-up
        ([row(10, slowest=900.0), row(11, "b", slowest=900.0), row(12, "b", slowest=950.0)], 2),
        ([], 0),
        ([row(10, HIDDEN, slowest=1.0)], None),  # the mean of all that is hidden says nothing of one
    ],
)
def test_slow_statements_are_those_that_are_known_to_have_taken_long(
    rows: list[ExecutionRow], slow: int | None
) -> None:
    found = summed((counted(rows), counted(rows))).row("after", 1, "sustain", None)
    assert found is not None
    assert found.value("slow_statements") == slow


def test_statements_are_ordered_by_time_with_the_requests_of_their_legs() -> None:
    rows = [row(10, "a", ms=5.0), row(11, "b", ms=7.0), row(12, "a", ms=4.0, slowest=3.5)]
    summary = summed((counted(rows), counted(rows)))
    found = [use for use in summary.statements if use.arm == "after"]
    whole = summary.row("after", None, None, None)
    assert [(use.fingerprint, use.text, use.slowest_ms) for use in found] == [
        ("a", "SELECT a", 3.5),
        ("b", "SELECT b", 0.0),
    ]
    assert [use.ms for use in found] == pytest.approx([9.0, 7.0])
    assert [use.calls for use in found] == pytest.approx([200, 100])
    assert whole is not None
    assert {use.requests for use in found} == {whole.requests}


def outcome(expect: str, before: Executions | None, after: Executions | None) -> Outcome:
    text = WITH_DATABASE.partition("[[targets]]")[0] + TARGET.format(expect)
    plan = parse_plan(text.replace("blocks = 2", "blocks = 4"))
    summary = summarise(trials_of(text, [(before, after)] * 4))
    verdict = judge(Measurement(plan, synthetic_setup(plan), summary, compare(summary)))
    return verdict.checks[0].outcome


@pytest.mark.parametrize(
    ("expect", "after", "wanted"),
    [
        ("slow_statements <= 0", steady(), Outcome.PASS),
        ("slow_statements <= 0", steady(slowest=150.0), Outcome.FAIL),
        ("slow_statements <= 0", None, Outcome.INCONCLUSIVE),
        ("db_blocks_per_request falls by 50 %", steady(calls=10), Outcome.PASS),
        ("db_blocks_per_request falls by 50 %", steady(), Outcome.FAIL),
        ("db_blocks_per_request falls by 50 %", None, Outcome.INCONCLUSIVE),
        ("db_blocks_per_request < 1", steady(calls=1), Outcome.PASS),
        ("db_blocks_per_request < 1", None, Outcome.INCONCLUSIVE),
    ],
)
def test_work_is_judged_and_missing_counts_never_pass(expect: str, after: Executions | None, wanted: Outcome) -> None:
    assert outcome(expect, steady(), after) is wanted
