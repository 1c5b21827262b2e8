"""The plans of the selftest and the arithmetic of its trials."""

import math
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.main import cli
from harness.cli.selftest import OVERHEAD_SECONDS, QUICK, TINY
from harness.plan.faults import FaultKind
from harness.plan.file import parse_plan
from harness.selftest import plans
from harness.selftest.plans import FREEZE_RATE, Size
from harness.selftest.server import waits_ms
from harness.statistics.percentiles import percentile

SIZES = pytest.mark.parametrize("size", [Size(), QUICK, TINY], ids=["full", "quick", "tiny"])


@SIZES
def test_every_plan_is_valid(size: Size) -> None:
    work = parse_plan(plans.work_plan("A/A, suite 1 of 2", size, 7, 100, 120))
    assert work.arms["before"].env == {"SELFTEST_WORK": "100"}
    assert work.arms["after"].env == {"SELFTEST_WORK": "120"}
    assert (work.load.blocks, work.load.seed, work.load.arrivals) == (size.blocks, 7, "poisson")
    assert [target.expect for target in work.targets] == ["p95 rises by at most 10 %"]
    kept = work.stages[0].seconds - work.stages[0].warmup_seconds
    assert kept * plans.WORK_RATE >= 59  # samples of a leg, enough for a P95
    delay = parse_plan(plans.delay_plan(size, 7, ('/x/a "b"', "/x/ü")))
    assert [arm.env["SELFTEST_WAITED"] for arm in delay.arms.values()] == ['/x/a "b"', "/x/ü"]
    assert parse_plan(plans.kill_plan(size, 7)).load.processes == 2
    assert size.kill_at < size.kill_seconds - 2
    freeze = parse_plan(plans.freeze_plan(size, 7))
    ((second, fault),) = freeze.planned_faults
    assert (fault.kind, fault.seconds, freeze.load.arrivals) == (FaultKind.PAUSE, size.frozen_seconds, "uniform")
    assert second > 0
    assert second + fault.seconds < freeze.seconds


@SIZES
@given(st.floats(0, 1 / FREEZE_RATE, exclude_max=True), st.floats(-0.2, 0.5))
def test_the_p95_of_a_freeze_equals_that_of_simulated_arrivals(size: Size, phase: float, longer: float) -> None:
    begun, frozen = size.freeze_at, size.frozen_seconds + longer
    due = phase + np.arange(size.freeze_seconds * FREEZE_RATE) / FREEZE_RATE
    waits = np.where(due >= begun, np.maximum(begun + frozen - due, 0), 0) * 1000
    p95 = percentile(waits, Fraction("0.95"))
    assert p95 == pytest.approx(plans.frozen_p95_ms(size, frozen), abs=1000 / FREEZE_RATE)


def test_the_waits_are_spread_evenly() -> None:
    waits = list(islice(waits_ms(), 150))
    assert min(waits) >= 5
    assert max(waits) < 50
    counts, _ = np.histogram(waits, bins=9, range=(5, 50))
    assert set(counts) <= {15, 16, 17, 18}


@pytest.mark.parametrize(
    ("size", "legs", "seconds"),
    [(Size(), 180 + 5, 180 * 4 + 16 + 20 + 3), (TINY, 8 + 5, 8 * 2 + 6 + 10 + 3)],
    ids=["full", "tiny"],
)
def test_the_duration_is_known(size: Size, legs: int, seconds: int) -> None:
    assert (len(size.legs), sum(size.legs)) == (legs, seconds)


def test_help_contains_the_duration_and_an_example() -> None:
    result = CliRunner().invoke(cli, ["selftest", "--help"])
    assert result.exit_code == 0
    full, quick = (math.ceil((sum(size.legs) + OVERHEAD_SECONDS * len(size.legs)) / 60) for size in (Size(), QUICK))
    assert f"about {full} minutes, --quick about {quick}" in " ".join(result.output.split())
    assert "harness selftest --quick" in result.output
    assert "--tiny" not in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suites", "0"], "--suites"),
        (["--suites", "101"], "--suites"),
        (["--blocks", "1"], "--blocks"),
        (["--seed", "-1"], "--seed"),
        (["--speed", "9"], "No such option"),
    ],
)
def test_bad_options_are_refused(arguments: list[str], message: str) -> None:
    refused = CliRunner().invoke(cli, ["selftest", *arguments])
    assert refused.exit_code == 2
    assert message in refused.output
