"""Readings of servers by arm: counts as rates of measured stages, levels as means or maxima, and evictions."""

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from harness.analysis.comparison import compare
from harness.analysis.servers import server_reports
from harness.analysis.summary import summarise
from harness.plan.file import parse_plan
from harness.record.outcome import Outcome
from harness.record.readings import SCHEMA, UnavailableReading
from harness.record.trial import Trial
from harness.verdict.judge import Measurement, Verdict, judge
from tests.doubles import PLAN, synthetic_setup, synthetic_trials

Reading = tuple[int, str, str, float]


def told(trial: Trial, readings: dict[str, list[float]], source: str = "server:postgres") -> Trial:
    """A trial in which a server reported these values, one each second."""
    rows: list[Reading] = [
        (second * 10**9 + 1, source, name, value)
        for name, values in readings.items()
        for second, value in enumerate(values)
    ]
    columns: list[Any] = [[row[i] for row in rows] for i in range(len(SCHEMA))]
    arrays = [pa.array(column).cast(field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return replace(trial, readings=pa.table(arrays, schema=SCHEMA))


def trials() -> list[Trial]:
    return list(synthetic_trials(parse_plan(PLAN)))


def test_counts_are_rates_of_the_measured_stages_and_begin_anew_with_their_server() -> None:
    steady = [7.0 * second for second in range(32)]
    restarted = [7.0 * second for second in range(20)] + [7.0 * second for second in range(12)]
    for values, rate in ((steady, 7.0), (restarted, 7.0 * 26 / 27), ([1e9] * 4 + steady[4:], 7.0)):
        found = next(server_reports([told(trials()[0], {"commits": values})]))
        assert found.counts["commits"] == pytest.approx(rate)


def test_levels_are_means_or_maxima_of_the_readings() -> None:
    values = {
        "connections": [5.0] * 20 + [9.0] + [5.0] * 11,
        'connections{state="active"}': [90.0] * 4 + [2.0] * 28,
        'waiting{for="IO:DataFileRead"}': [1.0] * 18,
    }
    found = next(server_reports([told(trials()[0], values)]))
    assert found.levels["connections"] == 9.0
    assert found.levels['connections{state="active"}'] == pytest.approx(2.0)
    assert found.levels['waiting{for="IO:DataFileRead"}'] == pytest.approx(14 / 28)  # not told: nobody waited


def judged(text: str, evicted: float = 0.0, unread: list[UnavailableReading] | None = None) -> Verdict:
    plan = parse_plan(text)
    made = [told(trial, {"statements_evicted": [0.0, evicted]}) for trial in synthetic_trials(plan)]
    summary = summarise(made)
    return judge(Measurement(plan, synthetic_setup(plan), summary, compare(summary), unavailable=unread or []))


def test_evicted_statements_break_targets_that_use_them_and_are_a_caveat_elsewhere() -> None:
    counted = PLAN.replace('kind = "local"\n', 'kind = "local"\nprovides = ["postgres"]\n')
    counted += '[[targets]]\nexpect = "slow_statements <= 0"\n'
    verdict = judged(counted, 3.0)
    assert verdict.outcome is Outcome.INVALID
    assert [breach.code for breach in verdict.breaches] == ["STATEMENTS_EVICTED"]
    assert "3 times" in verdict.breaches[0].seen
    assert not judged(counted).breaches
    other = judged(PLAN, 3.0)
    assert not other.breaches
    assert "STATEMENTS_EVICTED" in [caveat.code for caveat in other.caveats]
    assert "STATEMENTS_EVICTED" not in [caveat.code for caveat in judged(PLAN).caveats]


def test_unavailable_readings_are_a_caveat_with_a_remedy() -> None:
    missing = UnavailableReading("postgres", "the counts of statements", "there is no extension", "CREATE EXTENSION x")
    caveats = [caveat for caveat in judged(PLAN, unread=[missing, missing]).caveats if caveat.code == "NOT_READ"]
    assert [(caveat.seen, caveat.advice) for caveat in caveats] == [
        ("the counts of statements of postgres could not be read: there is no extension", "CREATE EXTENSION x")
    ]
