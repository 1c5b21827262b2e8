"""Whatever a run measured: the shares of its steps add up to the whole, and the steps multiply to the total."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.row import Row
from harness.analysis.steps import attribute
from harness.analysis.summary import LegFacts, Summary
from harness.metrics import METRICS
from harness.plan.file import parse_plan
from harness.record.leg import Leg
from tests.doubles import CHAIN_PLAN

PLAN = parse_plan(CHAIN_PLAN)
ARMS = list(PLAN.arms_in_order)
VALUES = st.floats(1e-3, 1e6)


def row(arm: str, block: int | None, value: float | None, requests: int = 10_000) -> Row:
    measured = {} if value is None else {name: value for name in METRICS if not METRICS[name].per_leg}
    return Row(
        arm=arm, block=block, stage=None, endpoint=None, requests=requests, failures=0, seconds=1.0, values=measured,
    )  # fmt: skip


def summary_of(blocks: list[list[float | None]]) -> Summary:
    legs = [
        (arm, block, value) for block, values in enumerate(blocks, 1) for arm, value in zip(ARMS, values, strict=True)
    ]
    rows = [row(*leg) for leg in legs] + [row(arm, None, value) for arm, value in zip(ARMS, blocks[0], strict=True)]
    facts = (LegFacts(Leg(n, block, arm), 1, 0.1, 1.0) for n, (arm, block, _) in enumerate(legs, 1))
    return Summary(tuple(rows), ("sustain",), (), {}, tuple(facts))


@given(st.lists(st.lists(VALUES, min_size=4, max_size=4), min_size=1, max_size=10))
def test_shares_add_up_and_steps_multiply(blocks: list[list[float | None]]) -> None:
    attribution = attribute(PLAN, summary_of(blocks))
    assert attribution is not None
    for fall in attribution.waterfalls:
        changes = [part.pair.change for part in fall.contributions]
        assert fall.total.change is not None
        total = math.log(fall.total.change.value)
        assert math.fsum(math.log(c.value) for c in changes if c) == pytest.approx(total, abs=1e-9)
        shares = [part.share for part in fall.contributions]
        if None not in shares:
            shared = math.fsum(share for share in shares if share is not None)
            assert shared * total == pytest.approx(total, abs=1e-9)
            assert fall.total.change.low is not None


@given(
    st.lists(st.lists(st.none() | st.just(0.0) | VALUES, min_size=4, max_size=4), min_size=1, max_size=4),
)
def test_zeros_and_gaps_are_shared_out_to_nobody(blocks: list[list[float | None]]) -> None:
    attribution = attribute(PLAN, summary_of(blocks))
    assert attribution is not None
    whole = all(value for values in blocks for value in values)
    for fall in attribution.waterfalls:
        assert [level.value for level in fall.levels] == blocks[0]
        assert whole or [part.share for part in fall.contributions] == [None] * 3
