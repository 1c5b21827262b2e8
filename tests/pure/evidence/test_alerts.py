"""Alerts over windows of ten seconds."""

import math
from dataclasses import replace

import pyarrow as pa
import pytest

from harness.errors import PlanError
from harness.evidence.alerts import AlertResults
from harness.plan.alerts import DEFAULTS, Alert
from harness.plan.file import parse_plan
from harness.record.readings import SCHEMA
from harness.record.trial import Trial
from tests.doubles import PLAN, synthetic_trials


def alert(when: str) -> Alert:
    return Alert.model_validate({"when": when})


def alarms(*when: str, slowness: dict[str, float] | None = None) -> dict[tuple[str, str], tuple[int, int]]:
    plan = parse_plan(PLAN)
    watch = AlertResults([alert(one) for one in when])
    for _ in watch.watched(synthetic_trials(plan, slowness=slowness or {})):
        pass
    return {(one.alert.when, one.arm): (one.fired, one.windows) for one in watch.found()}


def test_every_window_of_every_leg_fires_or_does_not() -> None:
    found = alarms("p95 > 0.001 ms", "p95 > 1000 s")
    assert {arm for _, arm in found} == {"before", "after"}
    for (when, _), (fired, windows) in found.items():
        assert windows > 0
        assert fired == (windows if "0.001" in when else 0)


def test_a_value_at_the_limit_does_not_fire() -> None:
    assert not alert("p95 > 500 ms").fires(500.0)
    assert alert("p95 > 500 ms").fires(500.1)
    assert not alert("cache_hit_rate < 75 %").fires(0.75)
    assert alert("cache_hit_rate < 75 %").fires(0.749)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("p95 < 500 ms", "alert on an improvement"),
        ("p95 falls by 5 %", "cannot read"),
        ("users_held > 5", "an alert watches one of"),
        ("", "cannot read"),
        ("p95 > 💥", "p95"),
    ],
)
def test_an_alert_that_makes_no_sense_is_refused(when: str, said: str) -> None:
    with pytest.raises(PlanError, match=r"alerts\[0\]\.when") as refused:
        parse_plan(PLAN + f'\n[[alerts]]\nwhen = "{when}"\n')
    assert said in str(refused.value)


def test_the_default_alerts_apply_without_alerts_in_the_plan() -> None:
    assert parse_plan(PLAN).alerts == DEFAULTS
    assert [one.when for one in parse_plan(PLAN + '\n[[alerts]]\nwhen = "p99 > 2 s"\n').alerts] == ["p99 > 2 s"]


def test_the_worst_window_is_that_of_a_plain_sort() -> None:
    plan = parse_plan(PLAN)
    trials = [trial for trial in synthetic_trials(plan) if trial.leg.arm == "before"]
    watch = AlertResults([alert("p95 > 1 ms"), alert("cache_hit_rate < 1 %")])
    list(watch.watched(trials))
    by_name = {one.alert.metric.name: one for one in watch.found()}
    slowest, rates = 0.0, []
    for trial in trials:
        rows = trial.samples.to_pylist()
        for window in trial.generation.windows:
            if window.kind == "ramp":
                continue
            start = window.measured_from
            while window.end - start >= 10 or start == window.measured_from:
                end = min(start + 10, window.end)
                inside = [row for row in rows if start <= row["due_ns"] / 1e9 < end and row["error"] is None]
                latencies = sorted(row["sent_ns"] + row["duration_ns"] - row["due_ns"] for row in inside)
                slowest = max(slowest, latencies[math.ceil(0.95 * len(latencies)) - 1] / 1e6)
                told = [row["cache"] for row in inside if row["cache"] in {"hit", "miss"}]
                rates.append(told.count("hit") / len(told))
                start += 10
    assert by_name["p95"].worst == pytest.approx(slowest)
    assert by_name["cache_hit_rate"].worst == pytest.approx(min(rates))


READINGS = """
[readings.refresh_failures]
of = 'upkeep_failures{work="renew"}'
statistic = "max"
"""
READ = PLAN.replace(
    'serve = "serve --port {port}"', 'serve = "serve --port {port}"\nmetrics = { read = ["upkeep_failures"] }'
)


def telling(trial: Trial) -> Trial:
    """After fails to renew from the 20th second on; before has no readings. A server has a series of the same name."""
    series = 'upkeep_failures{work="renew"}'
    rows = [(second * 10**9, "api", series, float(max(second - 19, 0))) for second in range(40)]
    rows = [*(rows if trial.leg.arm == "after" else []), (25 * 10**9, "server:postgres", series, 99.0)]
    arrays = [pa.array(column).cast(field.type) for column, field in zip(zip(*rows, strict=True), SCHEMA, strict=True)]
    return replace(trial, readings=pa.table(arrays, schema=SCHEMA))


def test_an_alert_on_a_reading_of_the_plan() -> None:
    alerts = '[[alerts]]\nwhen = "refresh_failures > 0"\nseverity = "critical"\n'
    plan = parse_plan(READ + READINGS + alerts)
    watch = AlertResults(plan.alerts, plan.readings)
    for _ in watch.watched(telling(trial) for trial in synthetic_trials(plan)):
        pass
    (found,) = watch.found()  # of before nothing is known
    assert (found.arm, found.alert.severity) == ("after", "critical")
    assert (found.fired, found.windows) == (4, 6)  # of each leg the seconds 4 to 14, 14 to 24 and 24 to 32
    assert found.worst == 12.0
    assert parse_plan(READ + READINGS + alerts + "[profiles.q]\nblocks = 2\n", profile="q").alerts == plan.alerts


def test_an_alert_on_an_unknown_reading_is_refused() -> None:
    with pytest.raises(PlanError, match='nothing measures "refresh_failures"'):
        parse_plan(READ + '[[alerts]]\nwhen = "refresh_failures > 0"\n')
    with pytest.raises(PlanError, match="alert on an improvement"):
        parse_plan(READ + READINGS + '[[alerts]]\nwhen = "refresh_failures < 1"\n')
