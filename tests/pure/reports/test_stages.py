"""Endpoints and stages: what is shown, what is grey and what is not shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.pure.reports.conftest import Run


def test_stages_stand_in_the_order_they_ran_after_all_of_them_together(usual: Run) -> None:
    assert [stage.title for stage in usual.page.stages] == ["All stages except ramps", "ramp", "peak", "sustain"]
    assert usual.page.stages[2].detail == "30 users, 20 s, warm-up 2 s"


def test_endpoints_follow_all_requests_in_alphabetical_order(usual: Run) -> None:
    assert [row.endpoint for row in usual.page.stages[0].rows] == [
        "all requests",
        "GET /content/{id}",
        "GET /recommendations/{user_id}",
        "POST /interactions",
    ]


def test_a_cell_is_the_value_of_its_row(usual: Run) -> None:
    page = usual.page
    labels = [column.label for column in page.columns]
    cells = dict(zip(labels, page.stages[0].rows[0].before, strict=True))
    row = usual.summary.row("before", None, None, None)
    assert row is not None
    assert cells["requests"].text == f"{row.requests:,}"
    assert cells["P50"].text == f"{row.value('p50'):.1f}"
    assert cells["error rate"].text == "0"
    assert cells["cache hit rate"].text == f"{(row.value('cache_hit_rate') or 0) * 100:.1f}"


def test_a_percentile_with_few_samples_beyond_it_is_grey_and_says_what_it_would_need(usual: Run) -> None:
    page = usual.page
    labels = [column.label for column in page.columns]
    p50, p99 = (page.stages[0].rows[0].after[labels.index(label)] for label in ("P50", "P99"))
    assert not p50.faint
    assert p99.faint
    assert "10,000 successful requests in every leg" in p99.why


def test_a_percentile_with_too_few_samples_is_not_shown(awkward_runs: dict[str, Run]) -> None:
    page = awkward_runs["few samples"].page
    labels = [column.label for column in page.columns]
    cell = page.stages[0].rows[1].after[labels.index("P99")]
    assert cell.text == "too few"
    change = page.stages[0].rows[1].change[labels.index("P99")]
    assert (change.text, change.why) == ("—", "too few samples in a leg for this metric")


def test_an_endpoint_of_one_arm_still_has_its_numbers_there(awkward_runs: dict[str, Run]) -> None:
    rows = {row.endpoint: row for row in awkward_runs["one arm only"].page.stages[0].rows}
    row = rows["GET /recommendations/{user_id}"]
    assert {cell.text for cell in row.before} == {"—"}
    assert row.after[1].text == "50.2"
    assert {cell.text for cell in row.change[1:]} == {"—"}


def test_an_arm_in_which_everything_failed_has_no_latency(awkward_runs: dict[str, Run]) -> None:
    page = awkward_runs["one arm fails"].page
    labels = [column.label for column in page.columns]
    after = dict(zip(labels, page.stages[0].rows[0].after, strict=True))
    assert (after["P95"].text, after["P95"].why) == ("—", "no request succeeded")
    assert after["error rate"].text == "100"


def test_nothing_measured_is_an_empty_table_list(awkward_runs: dict[str, Run]) -> None:
    assert awkward_runs["nothing measured"].page.stages == ()


def test_thirty_endpoints_in_twelve_stages_are_all_there(awkward_runs: dict[str, Run]) -> None:
    assert len(awkward_runs["thirty endpoints"].page.stages[0].rows) == 31
    assert len(awkward_runs["twelve stages"].page.stages) == 13
