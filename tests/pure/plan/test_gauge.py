"""Readings of a plan: what makes a metric of the numbers that services tell, and what does not."""

import pytest

from harness.errors import PlanError
from harness.metrics import Better, Origin, Unit
from harness.plan.expectation import Form
from harness.plan.file import parse_plan
from tests.doubles import PLAN

METRICS = 'metrics = { read = ["db_in_use", "db_size", "breaker_open"] }\n'
SERVES = 'serve = "serve --port {port}"\n'
READ = PLAN.replace(SERVES, f"{SERVES}{METRICS}")
SEVERAL = READ.replace(SERVES, 'services = ["auth", "pay"]\nserve = "serve {service} --port {port}"\n')
POOL = '[readings.pool_use]\nof = "db_in_use"\nover = "db_size"\nunit = "%"\n'
TARGET = '[[targets]]\nexpect = "pool_use < 50 %"\n'


def test_a_reading_is_a_metric_of_its_plan_alone() -> None:
    plan = parse_plan(READ + POOL + TARGET)
    said = plan.targets[1].expectation
    assert (said.metric.name, said.metric.label, said.metric.unit) == ("pool_use", "pool use", Unit.FRACTION)
    assert (said.metric.origin, said.metric.better) == (Origin.READINGS, Better.LOWER)
    assert (said.form, said.limit) == (Form.ABSOLUTE, 0.5)
    with pytest.raises(PlanError, match='nothing measures "pool_use"'):
        parse_plan(READ + TARGET)


def test_targets_keep_it_under_a_profile_and_in_claims() -> None:
    claim = '[[claims]]\nid = "C"\nsays = "small"\nexpect = ["pool_use falls by 10 %", "pool_use < 50 %"]\n'
    plan = parse_plan(READ + POOL + TARGET + claim + "[profiles.q]\nblocks = 3\n", profile="q")
    assert [target.expectation.metric.name for _, target in plan.judged] == ["p95", *["pool_use"] * 3]
    assert plan.with_copies("control").targets == plan.targets


@pytest.mark.parametrize(
    ("expect", "unit", "limit"),
    [
        ("r < 12", "", 12.0),
        ("r < 50 %", "%", 0.5),
        ("r < 2 GB", "MB", 2000.0),
        ("r < 250 ms", "s", 0.25),
        ("r < 2 s", "ms", 2000.0),
        ("r < 999999 s", "ms", 999_999_000.0),  # no request, and so as long as it likes
    ],
)
def test_units(expect: str, unit: str, limit: float) -> None:
    text = f'[readings.r]\nof = "db_size"\nunit = "{unit}"\n[[targets]]\nexpect = "{expect}"\n'
    assert parse_plan(READ + text).targets[1].expectation.limit == pytest.approx(limit)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (POOL.replace("db_size", "db_sise"), "readings.pool_use.over", 'did you mean "db_size"?'),
        (POOL.replace("db_in_use", "xyz"), "readings.pool_use.of", 'nothing reads "xyz" in [environment]; add it to'),
        (POOL.replace('"%"', '"MB"'), "readings.pool_use", 'a share has no unit "MB"'),
        (POOL.replace('"%"', '"kg"'), "readings.pool_use.unit", "MB"),
        (POOL.replace("db_in_use", "db_queries_total"), "readings.pool_use", "only ever rises"),
        (POOL.replace("db_in_use", "db_size"), "readings.pool_use", "always 1"),
        (POOL.replace("db_in_use", "db in use"), "readings.pool_use.of", "pattern"),
        (POOL.replace("pool_use", "p95"), "readings", '"p95" is measured without it'),
        (POOL.replace("pool_use", "service_cpu"), "readings", '"service_cpu" is measured without it'),
        (POOL.replace("pool_use", "Pool-use"), "readings", '"Pool-use" is no name of a metric'),
        (POOL.replace("over", "ofer"), "readings.pool_use.ofer", 'unknown key; did you mean "over"?'),
        (POOL + 'service = "auth"\n', "readings.pool_use.service", "the one service has no name"),
        (POOL + 'statistic = "median"\n', "readings.pool_use.statistic", "mean"),
        (POOL + 'better = "up"\n', "readings.pool_use.better", "lower"),
        ("[readings.pool_use]\n", "readings.pool_use.of", "missing"),
        (POOL + TARGET.replace("pool_use", "pool_user"), "targets[1].expect", 'did you mean "pool_use"?'),
        (POOL + TARGET + 'endpoint = "GET /"\n', "targets[1].endpoint", "leave endpoint out"),
        (POOL + TARGET.replace("<", ">"), "targets[1].expect", "requires it to be bad"),
        (POOL + TARGET.replace("50", "100"), "targets[1].expect", "cannot be missed"),
        (POOL + TARGET.replace("< 50 %", "rises by 5 %"), "targets[1].expect", "that is a regression"),
    ],
)
def test_what_is_no_reading_says_what_would_be(text: str, where: str, what: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_plan(READ + text)
    assert [problem for problem in caught.value.problems if problem.where == where and what in problem.what]


def test_a_service_that_there_is_not() -> None:
    assert parse_plan(SEVERAL + POOL + 'service = "pay"\n').readings["pool_use"].service == "pay"
    with pytest.raises(PlanError, match='no service "play"; did you mean "pay"'):
        parse_plan(SEVERAL + POOL + 'service = "play"\n')


def test_without_metrics_nothing_is_read() -> None:
    with pytest.raises(PlanError, match=r'nothing reads "db_in_use" in \[environment\]; add it to metrics'):
        parse_plan(PLAN + POOL)


def test_a_system_that_runs_already_tells_its_own() -> None:
    text = READ.replace(SERVES, "").replace('"local"', '"external"')
    for arm in ("before", "after"):
        text = text.replace(f"[arms.{arm}]", f'[arms.{arm}]\nurl = "http://{arm}:80"')
    assert parse_plan(text + POOL + TARGET).targets[1].expectation.metric.name == "pool_use"
