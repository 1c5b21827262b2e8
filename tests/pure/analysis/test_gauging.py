"""Readings of services as metrics, up to the verdict."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from harness.analysis.comparison import compare
from harness.analysis.summary import Summary, summarise
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from harness.record.outcome import Outcome
from harness.record.readings import CPU, SCHEMA
from harness.record.trial import Trial
from harness.verdict.judge import ClaimOutcome, Measurement, judge
from harness.verdict.targets import Check, Reason
from tests.doubles import synthetic_setup, synthetic_trials
from tests.pure.plan.test_gauge import POOL, SEVERAL, TARGET

Tell = Callable[[Trial, int], Iterator[tuple[str, str, float]]]
"""What a service of a leg tells at a second: service, series, value."""


def steady(trial: Trial, second: int) -> Iterator[tuple[str, str, float]]:
    """``auth`` uses 2 of 20, from the 20th second on 4; ``pay`` 8 of 20 in before and 5 in after."""
    uses = {"auth": 4.0 if second >= 20 else 2.0, "pay": 8.0 if trial.leg.arm == "before" else 5.0}
    for service, used in uses.items():
        yield service, "db_in_use", used
        yield service, "db_size", 20.0


def told(plan: Plan, tell: Tell = steady) -> Summary:
    trials = [replace(trial, readings=_readings(trial, tell)) for trial in synthetic_trials(plan)]
    return summarise(trials, vocabulary=plan.vocabulary)


def _readings(trial: Trial, tell: Tell) -> pa.Table:
    end = int(trial.generation.windows[-1].end)
    rows = [(second * 10**9 + 1, *one) for second in range(end) for one in tell(trial, second)]
    columns: list[Any] = [[row[i] for row in rows] for i in range(len(SCHEMA))]
    arrays = [pa.array(column).cast(field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.table(arrays, schema=SCHEMA)


def value(text: str, tell: Tell = steady, arm: str = "after", block: int | None = 1) -> float | None:
    row = told(parse_plan(SEVERAL + text), tell).row(arm, block, "sustain", None)
    assert row is not None
    return row.value("r")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", 5.0),  # pay, of which the mean is higher
        ('service = "auth"', (2 * 16 + 4 * 12) / 28),  # from second 4, where the warm-up ends, to 32
        ('service = "auth"\nstatistic = "max"', 4.0),
        ('service = "auth"\nstatistic = "p95"', 4.0),
        ('over = "db_size"\nunit = "%"', 0.25),
        ('over = "db_size"\nbetter = "higher"', (2 * 16 + 4 * 12) / 28 / 20),  # the worst is the lowest
        ('unit = "MB"', 5e-6),
        ('unit = "s"', 5.0),
        ('unit = "ms"', 5000.0),
    ],
)
def test_a_reading_is_a_statistic_of_the_worst_service(keys: str, expected: float) -> None:
    assert value(f'[readings.r]\nof = "db_in_use"\n{keys}\n') == pytest.approx(expected)


def test_p95_is_a_nearest_rank() -> None:
    def rising(trial: Trial, second: int) -> Iterator[tuple[str, str, float]]:  # noqa: ARG001
        yield "pay", "db_in_use", float(second)

    assert value('[readings.r]\nof = "db_in_use"\nstatistic = "p95"\n', rising) == 30.0  # the 27th of 4 ... 31


def test_series_of_a_metric_add_up_and_one_can_be_named() -> None:
    def labelled(trial: Trial, second: int) -> Iterator[tuple[str, str, float]]:  # noqa: ARG001
        yield "pay", 'breaker_open{guards="cache"}', 1.0
        yield "pay", 'breaker_open{guards="database"}', 2.0
        yield "pay", "breaker_opened", 100.0

    assert value('[readings.r]\nof = "breaker_open"\n', labelled) == 3.0
    assert value("[readings.r]\nof = 'breaker_open{guards=\"database\"}'\n", labelled) == 2.0


def test_a_share_of_nothing_is_no_reading() -> None:
    def growing(trial: Trial, second: int) -> Iterator[tuple[str, str, float]]:  # noqa: ARG001
        yield "pay", "db_in_use", 0.0 if second < 20 else 3.0
        yield "pay", "db_size", 0.0 if second < 20 else 4.0

    assert value('[readings.r]\nof = "db_in_use"\nover = "db_size"\n', growing) == 0.75


def silent(service: str, blocks: set[int], arms: set[str] = {"after"}) -> Tell:  # noqa: B006 - never changed
    def tell(trial: Trial, second: int) -> Iterator[tuple[str, str, float]]:
        for one in steady(trial, second):
            if one[0] != service or trial.leg.block not in blocks or trial.leg.arm not in arms:
                yield one

    return tell


def test_a_service_that_was_silent_in_a_leg_leaves_it_without_a_value() -> None:
    reading = '[readings.r]\nof = "db_in_use"\n'
    assert value(reading, silent("auth", {1})) is None
    assert value(reading, silent("auth", {1}), block=2) == 5.0
    assert value(reading, silent("auth", {1}), block=None) is None
    assert value(reading, silent("auth", {1, 2})) is None
    assert value(reading, silent("auth", {1, 2}), arm="before") == 8.0
    assert (
        value(reading, silent("auth", {1, 2}, {"before", "after"})) == 5.0
    )  # one that never tells it does not have it


def judged(expect: str = "pool_use < 50 %", tell: Tell = steady, blocks: int = 2) -> Check:
    text = (SEVERAL + POOL + TARGET.replace("pool_use < 50 %", expect)).replace("blocks = 2", f"blocks = {blocks}")
    plan = parse_plan(text)
    summary = told(plan, tell)
    return judge(Measurement(plan, synthetic_setup(plan), summary, compare(summary))).checks[1]


def nobody(trial: Trial, second: int) -> Iterator[tuple[str, str, float]]:  # noqa: ARG001
    yield "pay", CPU, 0.5


@pytest.mark.parametrize(
    ("expect", "tell", "outcome", "reason"),
    [
        ("pool_use < 50 %", steady, Outcome.PASS, Reason.MET),
        ("pool_use < 20 %", steady, Outcome.FAIL, Reason.MISSED),
        ("pool_use falls by 30 %", steady, Outcome.PASS, Reason.MET),
        ("pool_use falls by 50 %", steady, Outcome.FAIL, Reason.MISSED),
        ("pool_use < 50 %", nobody, Outcome.INCONCLUSIVE, Reason.NO_DATA),
        ("pool_use falls by 30 %", nobody, Outcome.INCONCLUSIVE, Reason.NO_DATA),
        ("pool_use < 50 %", silent("pay", {1}), Outcome.INCONCLUSIVE, Reason.NO_DATA),
        ("pool_use < 50 %", silent("auth", {2}), Outcome.INCONCLUSIVE, Reason.NO_DATA),
        ("pool_use < 50 %", silent("pay", {1, 2}, {"before"}), Outcome.PASS, Reason.MET),
        ("pool_use falls by 30 %", silent("auth", {1, 2}, {"before"}), Outcome.INCONCLUSIVE, Reason.NO_DATA),
    ],
)
def test_a_reading_is_judged_and_none_is_no_pass(expect: str, tell: Tell, outcome: Outcome, reason: Reason) -> None:
    check = judged(expect, tell)
    assert (check.outcome, check.reason) == (outcome, reason)


def test_a_limit_of_after_needs_nothing_of_before() -> None:
    """A release that does not tell it yet is no reason to call the next one unknown."""

    def only_after(trial: Trial, second: int) -> Iterator[tuple[str, str, float]]:
        if trial.leg.arm == "after":
            yield from steady(trial, second)

    assert judged(tell=only_after).outcome is Outcome.PASS
    assert judged("pool_use < 20 %", only_after).outcome is Outcome.FAIL
    assert judged("pool_use falls by 1 %", only_after).reason is Reason.NO_DATA
    assert judged(tell=only_after, blocks=1).reason is Reason.NO_INTERVAL


def test_a_mean_number_is_judged_by_its_interval_as_readings_vary() -> None:
    def noisy(trial: Trial, second: int) -> Iterator[tuple[str, str, float]]:  # noqa: ARG001
        yield "pay", "db_in_use", 7.0 + 2.0 * trial.leg.block

    text = SEVERAL + '[readings.used]\nof = "db_in_use"\n[[claims]]\nid = "C"\nsays = "few"\nexpect = ["used < 12"]\n'
    plan = parse_plan(text)
    summary = told(plan, noisy)
    (claim,) = judge(Measurement(plan, synthetic_setup(plan), summary, compare(summary))).claims
    assert claim.outcome is ClaimOutcome.NOT_DECIDED  # 9 and 11: every leg is within it, the interval is not
    assert claim.checks[0].reason is Reason.STRADDLES


def test_the_cpu_of_services_adds_up_and_is_not_that_of_servers() -> None:
    def busy(trial: Trial, second: int) -> Iterator[tuple[str, str, float]]:
        yield "postgres", CPU, 0.5
        yield "redis", CPU, 0.2
        yield "auth", CPU, 0.1 if second % 2 else 0.3
        yield "pay", CPU, 0.05 if trial.leg.arm == "after" else 0.1

    row = told(parse_plan(SEVERAL), busy).row("after", None, "sustain", None)
    assert row is not None
    assert row.value("service_cpu") == pytest.approx(0.25)
    assert row.value("database_cpu") == 0.5


def test_what_a_server_tells_is_no_service_s_and_no_consumer() -> None:
    def tell(trial: Trial, second: int) -> Iterator[tuple[str, str, float]]:
        yield from steady(trial, second)
        yield "server:postgres", "db_in_use", 20.0
        yield "server:postgres", "db_size", 20.0

    plan = parse_plan(SEVERAL + POOL + TARGET)
    alone, beside = told(plan), told(plan, tell)
    assert [row.values for row in beside.rows] == [row.values for row in alone.rows]
    assert any(row.value("pool_use") for row in alone.rows)
    assert beside.consumers == alone.consumers
