"""The pictures: what is drawn, in whose colours, and with which marks."""

from __future__ import annotations

import itertools
import math
import re
from typing import TYPE_CHECKING

import matplotlib as mpl
import pytest

from harness.analysis.timeline import Second
from reports.charts import axes, paper, timeline
from reports.charts.forest import forest_chart
from reports.html import Pictures

if TYPE_CHECKING:
    from reports.charts.paper import Chart
    from tests.pure.reports.conftest import Run


def every_chart(run: Run) -> list[Chart]:
    pictures = run.pictures
    singles = [chart for _, chart in (*pictures.distributions, *pictures.blocks)]
    return [*(pictures.forest or ()), *(pictures.timeline or ()), *singles]


def forest_of(run: Run, width: int = 900) -> str:
    chart = forest_chart(run.summary, run.comparison, run.verdict, width)
    assert chart is not None
    return chart.svg


def test_ink_is_the_pages_and_text_is_text(usual: Run) -> None:
    for chart in every_chart(usual):
        assert not re.findall(r"#[0-9a-fA-F]{6}", chart.svg)
        assert "font-family" not in chart.svg
        assert "DejaVu" not in chart.svg
        assert "<text" in chart.svg


def test_arms_differ_by_more_than_their_colour(usual: Run) -> None:
    for name, chart in usual.pictures.distributions:
        before = re.findall(r'style="([^"]*stroke: var\(--before\)[^"]*)"', chart.svg)
        after = re.findall(r'style="([^"]*stroke: var\(--after\)[^"]*)"', chart.svg)
        assert before, name
        assert after, name
        assert all("stroke-dasharray" in style for style in before), name
        assert not any("stroke-dasharray" in style for style in after)
        assert ">before</text>" in chart.svg
        assert ">after</text>" in chart.svg


def test_settings_of_the_process_are_left_alone(usual: Run) -> None:
    before = dict(mpl.rcParams)
    every_chart(usual)
    assert dict(mpl.rcParams) == before


def test_the_forest_has_a_row_per_target_and_endpoint(usual: Run) -> None:
    svg = forest_of(usual)
    for row in usual.findings.targets:
        assert f">{row.change.text}</text>" in svg
        assert f">{row.interval.text}</text>" in svg
        assert f">{row.mark}</text>" in svg
    for text in ("all requests", "GET /content/{id}", "POST /interactions", "no change", "25.4 % → 90.2 %"):
        assert f">{text}</text>" in svg


def test_the_forest_of_nothing_still_names_the_targets(awkward_runs: dict[str, Run]) -> None:
    assert ">nothing was measured here</text>" in forest_of(awkward_runs["nothing measured"])


def test_the_forest_names_the_busiest_of_many_endpoints(awkward_runs: dict[str, Run]) -> None:
    svg = forest_of(awkward_runs["thirty endpoints"])
    assert "the busiest 12 of 30" in svg
    assert svg.count(">GET /endpoint/") == 12


def test_no_chart_is_drawn_of_nothing(awkward_runs: dict[str, Run]) -> None:
    pictures = Pictures(awkward_runs["nothing measured"].result)
    assert pictures.timeline is None
    assert pictures.distributions == []
    assert pictures.blocks == []


def test_the_timeline_names_its_stages(usual: Run) -> None:
    chart = timeline.timeline_chart(usual.plan, usual.summary, 900)
    assert chart is not None
    for text in ("ramp", "peak", "sustain", "latency", "req/s", "users"):
        assert f">{text}</text>" in chart.svg


@pytest.mark.parametrize(("length", "step"), [(1, 1), (900, 1), (901, 2), (86_400, 96)])
def test_a_long_leg_is_drawn_in_steps(length: float, step: int) -> None:
    assert timeline.bucket_seconds(length) == step


def test_a_step_shows_the_highest_percentile_and_the_mean_rate_and_silence_is_a_gap() -> None:
    seconds = [Second(0, 10.0, 0, 5.0, 50.0), Second(1, 20.0, 0, 7.0, 30.0), Second(4, 8.0, 0, 1.0, 9.0)]
    course = timeline._course(seconds, 2)
    assert course.seconds == [1.0, 3.0, 5.0]
    assert (course.p50[0], course.p95[0], course.rps[0]) == (7.0, 50.0, 15.0)
    assert math.isnan(course.p95[1])
    assert course.rps[1:] == [0.0, 4.0]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (9.0, 110.0, [10.0, 20.0, 50.0, 100.0]),
        (0.9, 1100.0, [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]),
        (0.9, 110_000.0, [1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0]),
    ],
)
def test_log_ticks_are_few_and_round(low: float, high: float, ticks: list[float]) -> None:
    assert axes.log_ticks(low, high) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (9.0, 110.0, [10.0, 20.0, 50.0, 100.0]),
        (33.0, 47.0, [35.0, 40.0, 45.0]),
        (0.97, 1.02, [0.98, 1.0, 1.02]),
    ],
)
def test_a_range_too_narrow_for_powers_of_ten_has_linear_ticks(low: float, high: float, ticks: list[float]) -> None:
    assert axes.level_ticks(low, high) == pytest.approx(ticks)


@pytest.mark.parametrize(("low", "high"), [(0.18, 1.1), (0.8, 1.25), (0.9, 60.0), (0.001, 1000.0)])
def test_change_ticks_always_name_no_change_and_keep_apart(low: float, high: float) -> None:
    ticks = axes.change_ticks(low, high, 8)
    assert 1.0 in ticks
    gaps = [math.log(b / a) for a, b in itertools.pairwise(ticks)]
    assert min(gaps) >= math.log(high / low) / 8
    assert len(ticks) > 2


@pytest.mark.parametrize(
    ("top", "ticks"), [(0.0, [0.0]), (40.3, [0.0, 20.0, 40.0]), (0.9, [0.0, 0.5]), (4.0, [0.0, 1.0, 2.0, 3.0, 4.0])]
)
def test_linear_ticks_are_few_and_round(top: float, ticks: list[float]) -> None:
    assert axes.nice_ticks(top) == pytest.approx(ticks)


def test_a_long_name_is_shortened_in_its_middle() -> None:
    short = paper.fitted("GET /recommendations/of/a/user/{user_id}", 130, 11)
    assert len(short) == int(130 / (11 * paper.CHARACTER))
    assert short.startswith("GET /re")
    assert short.endswith("{user_id}"[-5:])
    assert paper.fitted("short", 130, 11) == "short"
