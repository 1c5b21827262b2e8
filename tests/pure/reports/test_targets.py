"""The sentences of a verdict and the cells of its targets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.record.outcome import Outcome
from harness.verdict.judge import Verdict
from reports import formatting
from reports.sections import targets

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pure.reports.conftest import Run


PASSING = """
[[targets]]
expect = "p95 < 300 ms"
[[targets]]
expect = "p50 falls by 50 %"
"""
ONE = '\n[[targets]]\nexpect = "p95 < 300 ms"\n'


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (PASSING, "PASS: 2 of 2 targets met."),
        (ONE, "PASS: 1 of 1 target met."),
        ("", "INCONCLUSIVE: nothing to judge: the plan has no targets."),
        (
            PASSING + '[[targets]]\nexpect = "p95 < 1 ms"\nstage = "peak"',
            "FAIL: 1 of 3 targets missed: p95 < 1 ms (peak).",
        ),
        (
            PASSING + '[[targets]]\nexpect = "error_rate < 0.001 %"',
            "INCONCLUSIVE: 1 of 3 targets inconclusive: error_rate < 0.001 %.",
        ),
        (
            "".join(f'[[targets]]\nexpect = "p95 < {i} ms"\n' for i in range(1, 6))
            + '[[targets]]\nexpect = "error_rate < 0.001 %"',
            "FAIL: 5 of 6 targets missed: p95 < 1 ms; p95 < 2 ms; p95 < 3 ms and 2 more; 1 more inconclusive.",
        ),
    ],
)
def test_the_headline_is_one_plain_sentence(
    plan_text: str, run_of: Callable[..., Run], extra: str, sentence: str
) -> None:
    assert run_of(plan_text + extra).findings.headline == sentence


def test_a_broken_measurement_says_so_first(awkward_runs: dict[str, Run]) -> None:
    found = awkward_runs["no request"].findings
    assert found.headline == ("INVALID: the measurement broke: a leg made no request.")
    assert found.tally == "the measurement broke"
    assert [breach.kind for breach in found.breaches] == ["NO_REQUESTS"]


def test_invalid_without_a_named_cause_is_still_a_sentence() -> None:
    assert targets.headline(Verdict(Outcome.INVALID, (), (), (), ())).endswith(
        "the measurement broke: a guard is broken."
    )


def test_the_finding_says_what_changed_how_surely_and_at_which_errors(usual: Run) -> None:
    assert usual.findings.finding == (
        "P95 of all requests 315 ms → 84.4 ms, −73.4 % (95 % interval −75.6 … −71.0), worst block −72.0 %; "  # noqa: RUF001
        "no errors in 18,651 measured requests."
    )


def test_the_finding_counts_errors_of_both_arms(awkward_runs: dict[str, Run]) -> None:
    assert "; errors 2,768 of 9,359 before and 2,836 of 9,292 after." in awkward_runs["many errors"].findings.finding


@pytest.mark.parametrize("kind", ["nothing measured", "no request", "one arm fails", "both arms fail"])
def test_there_is_no_finding_without_both_arms(awkward_runs: dict[str, Run], kind: str) -> None:
    assert not awkward_runs[kind].findings.finding


def test_a_row_repeats_the_numbers_of_its_check(usual: Run) -> None:
    for row, check in zip(usual.findings.targets, usual.verdict.checks, strict=True):
        pair = check.pair
        assert pair is not None
        assert pair.before is not None
        assert pair.after is not None
        assert pair.change is not None
        assert pair.after_interval is not None
        assert row.before.text == formatting.with_unit(pair.metric, pair.before)
        assert row.after.text == formatting.with_unit(pair.metric, pair.after)
        assert row.after_interval == formatting.value_interval(pair.metric, pair.after_interval)
        assert row.change.text == formatting.change_with_unit(pair.change)
        assert row.interval.text == formatting.change_interval(pair.change)
        assert row.outcome == check.outcome.value


def test_every_dash_says_why(awkward: Run) -> None:
    page = awkward.page
    cells = [cell for row in page.findings.targets for cell in (row.before, row.after, row.change, row.interval)]
    cells += [c for stage in page.stages for row in stage.rows for c in (*row.before, *row.after, *row.change)]
    cells += [cell for row in page.migrations for cell in (row.size_before, row.size_after, row.growth)]
    assert [cell for cell in cells if cell.text in {"—", "too few"} and not cell.why] == []


def test_one_block_has_changes_but_no_intervals(awkward_runs: dict[str, Run]) -> None:
    row = awkward_runs["one block"].findings.targets[2]
    assert row.change.text.endswith(" %")
    assert (row.interval.text, row.interval.why) == ("—", "one block has no interval")


def test_too_few_samples_show_no_number(awkward_runs: dict[str, Run]) -> None:
    row = next(r for r in awkward_runs["few samples"].findings.targets if r.expect.startswith("p99"))
    assert (row.before.text, row.after.text, row.change.text) == ("too few", "too few", "—")
    assert row.before.why == "P99 needs 299 successful requests in every leg"
    assert row.after_interval == ""


def test_an_endpoint_of_one_arm_has_nothing_to_compare_with(awkward_runs: dict[str, Run]) -> None:
    row = awkward_runs["one arm only"].findings.targets[1]
    assert row.before.text == "—"
    assert row.after.text == "50.2 ms"
    assert row.change.why == "measured in one arm only"


def test_a_caveat_of_several_targets_is_said_once(usual: Run) -> None:
    kinds = [(remark.kind, remark.about) for remark in usual.findings.remarks]
    of_the_run = ("FEW_BLOCKS", "ANSWERS_NOT_COMPARED", "NO_NOISE_FLOOR", "FAILED_ONCE")
    assert kinds == [*((kind, ()) for kind in of_the_run), ("DESCRIPTIVE", (1, 4))]


def test_a_worst_block_of_no_change_is_a_number(usual: Run) -> None:
    pair = usual.comparison.pair("p95", None, None)
    assert pair is not None
    assert pair.change is not None
    still = replace(pair, change=replace(pair.change, worst=1.0))
    comparison = replace(usual.comparison, pairs=(still,))
    assert "worst block 0 %" in targets.finding(usual.summary, comparison)
