"""Many runs in a row: which belong on one line, and where the line changed for good."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from harness.analysis import history
from harness.analysis.history import MIN_RUNS, RunSeries, change_of, incomparable_facts, series_of
from harness.errors import PackageMissingError
from harness.metrics import METRICS
from harness.plan.file import parse_plan
from harness.plan.model import Plan
from harness.record.archive import ArchivedRun, HistoryQuery, SkippedRun
from harness.record.setup import Setup
from reports.history import history_json, history_text
from tests.doubles import PLAN, synthetic_setup

P95 = METRICS["p95"]
QUESTION = HistoryQuery(P95, "after")
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE = parse_plan(PLAN)


def entries_of(values: Sequence[float], plan: Plan = BEFORE, setup: Setup | None = None) -> list[ArchivedRun]:
    """One run a day."""
    made = setup or synthetic_setup(plan)
    return [
        ArchivedRun(
            f"run-{day:02d}", replace(made, started=str((FIRST + timedelta(day)).isoformat())), plan, value, None, None
        )
        for day, value in enumerate(values)
    ]


def noise(seed: int, count: int = 20, spread: float = 0.05) -> list[float]:
    return list(100 * np.exp(np.random.default_rng(seed).normal(0, spread, count)))


def one_line(values: Sequence[float]) -> RunSeries:
    (line,) = series_of(entries_of(values), P95)
    return line


@pytest.mark.parametrize("at", [4, 10, 17])
@pytest.mark.parametrize("factor", [1.3, 0.7])
def test_a_change_for_good_is_found_at_its_first_run(at: int, factor: float) -> None:
    values = [value * (factor if index >= at else 1) for index, value in enumerate(noise(2, spread=0.03))]
    (turn,) = one_line(values).turns
    assert turn.index == at
    assert turn.after / turn.before == pytest.approx(factor, rel=0.1)
    assert turn.p < 0.001


def test_noise_is_hardly_ever_a_change() -> None:
    """Of 400 lines of 20 runs in which nothing changed; the method promises no rate, simulation says 2 %."""
    assert sum(bool(one_line(noise(seed)).turns) for seed in range(400)) <= 16


def test_one_bad_run_is_no_change_for_good() -> None:
    values = noise(3, spread=0.03)
    values[9] *= 1.5
    assert one_line(values).turns == ()


def test_a_change_that_does_not_count_is_none() -> None:
    values = [value * (1.04 if index >= 10 else 1) for index, value in enumerate(noise(4, spread=0.002))]
    assert one_line(values).turns == ()
    (line,) = series_of(entries_of(values, parse_plan(PLAN + '\n[judgement]\neffect = "1 %"\n')), P95)
    assert [turn.index for turn in line.turns] == [10]


def test_errors_change_by_points_that_count() -> None:
    errors = METRICS["error_rate"]
    for level, expected in ((0.0005, []), (0.02, [10])):
        (line,) = series_of(entries_of([0.0] * 10 + [level] * 10), errors)
        assert [turn.index for turn in line.turns] == expected


def test_too_few_runs_say_how_many_more() -> None:
    few = one_line([100.0] * (MIN_RUNS - 1) + [200.0][:0])
    assert (few.missing, few.turns) == (1, ())
    assert one_line([100.0] * MIN_RUNS).missing == 0
    assert "7 runs: 1 more run needed" in history_text(QUESTION, [few], [])


def test_runs_are_put_in_the_order_of_their_start() -> None:
    mixed = entries_of([1.0, 2.0, 3.0])
    (line,) = series_of(mixed[::-1], P95)
    assert [entry.value for entry in line.entries] == [1.0, 2.0, 3.0]


def test_runs_that_differ_are_on_lines_of_their_own_which_say_how() -> None:
    """Two machines take turns; of each there is one line, in order."""
    setup = synthetic_setup(BEFORE)
    other = replace(setup, host={**setup.host, "cpu": "Another CPU"})
    days = entries_of([1.0, 2.0, 3.0, 4.0])
    moved = [replace(day, setup=replace(other, started=day.setup.started)) for day in days]
    mixed = [days[0], moved[1], days[2], moved[3]]
    first, second = series_of(mixed, P95)
    assert [entry.value for entry in first.entries] == [1.0, 3.0]
    assert [entry.value for entry in second.entries] == [2.0, 4.0]
    assert (first.differs, second.differs) == ((), ("host cpu: Example CPU, Another CPU",))
    assert "differs from the runs above  host cpu: Example CPU, Another CPU" in history_text(
        QUESTION, (first, second), []
    )


def test_plans_of_other_names_are_other_lines_without_a_difference() -> None:
    other = replace(synthetic_setup(BEFORE), plan_name="another")
    lines = series_of([*entries_of([1.0]), *entries_of([2.0], setup=other)], P95)
    assert {(line.plan_name, line.differs) for line in lines} == {("example", ()), ("another", ())}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seconds = 30", "seconds = 31", "stages: the plans load differently"),
        ('users = ["users.py"]', 'users = ["users.py"]\ncores = [1]', "cores of the load: (), (1,)"),
        ('kind = "local"', 'kind = "local"\ncores = [0]', "cores of the environment: (), (0,)"),
        ("blocks = 2", "blocks = 9", ""),
        ("falls by 50 %", "falls by 60 %", ""),
        ("[arms.after]", '[arms.after]\nenv = { RELEASE = "2" }', ""),
    ],
)
def test_what_has_to_be_the_same(old: str, new: str, said: str) -> None:
    assert old in PLAN
    other = parse_plan(PLAN.replace(old, new))
    setup = synthetic_setup(BEFORE)
    assert incomparable_facts(setup, BEFORE, setup, other) == ([said] if said else [])


def test_without_the_package_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "otava.analysis", None)
    with pytest.raises(PackageMissingError, match="pip install"):
        history.require_otava()


def test_the_change_from_zero_has_no_ratio() -> None:
    none, some = entries_of([0.0, 2.0])
    assert change_of(some, none, P95) is None
    assert change_of(some, none, METRICS["error_rate"]) == 2.0


def test_the_text_marks_the_run_that_changed_and_names_the_skipped() -> None:
    values = [value * (1.3 if index >= 10 else 1) for index, value in enumerate(noise(2, spread=0.03))]
    bounded = [replace(entry, low=entry.value * 0.9, high=entry.value * 1.1) for entry in entries_of(values)]
    text = history_text(QUESTION, series_of(bounded, P95), [SkippedRun("run-99", "damaged \x1b[31m")])
    assert text.startswith("P95 of all requests, all stages except ramps, after\n\nplan  example\n")
    (marked,) = [line for line in text.splitlines() if line.endswith("change") and "run-" in line]
    assert marked.startswith("  run-10  2026-01-11 00:00 UTC")
    assert "change point  from run-10 on: " in text
    assert ", worse" in text
    assert "skipped  run-99: damaged" in text
    assert "\x1b" not in text


def test_the_json_has_the_same_unrounded() -> None:
    values = [value * (0.7 if index >= 10 else 1) for index, value in enumerate(noise(2, spread=0.03))]
    record = json.loads(history_json(QUESTION, series_of(entries_of(values), P95), [SkippedRun("x", "why")]))
    (line,) = record["lines"]
    assert [run["value"] for run in line["runs"]] == values
    assert line["runs"][0]["change"] is None
    assert line["runs"][1]["change"] == pytest.approx(values[1] / values[0] - 1)
    assert line["change_points"][0]["run"] == "run-10"
    assert (record["schema"], record["metric"], record["skipped"]) == (1, "p95", [{"run": "x", "why": "why"}])


def test_no_run_with_the_value_is_said() -> None:
    assert "no run has this metric" in history_text(QUESTION, [], [SkippedRun("a", "has no such value")])
