"""The offset of two clocks, against simulated networks with a known offset."""

from hypothesis import given
from hypothesis import strategies as st

from harness.generator.distributed.remote import Exchange, estimate

DELAY = st.integers(0, 10**10)
TRUE = st.integers(-(10**18), 10**18)
PINGS = st.lists(st.tuples(DELAY, st.integers(0, 10**9), DELAY, st.integers(0, 10**9)), min_size=1, max_size=30)


def exchanged(true_ns: int, pings: list[tuple[int, int, int, int]]) -> list[Exchange]:
    """Pings through a network with random delays; the master's clock is ``true_ns`` ahead."""
    at, made = 0, []
    for there, busy, back, pause in pings:
        received = at + there
        returned = received + busy
        made.append(Exchange(at, received + true_ns, returned + true_ns, returned + back))
        at = returned + back + pause
    return made


@given(TRUE, PINGS)
def test_the_true_offset_is_within_the_uncertainty(true_ns: int, pings: list[tuple[int, int, int, int]]) -> None:
    offset = estimate(exchanged(true_ns, pings))
    assert abs(offset.ns - true_ns) <= offset.uncertainty_ns + abs(true_ns) // 2**52 + 1  # halves are floats


@given(TRUE, PINGS)
def test_the_uncertainty_is_half_the_best_round_trip(true_ns: int, pings: list[tuple[int, int, int, int]]) -> None:
    best = min(there + back for there, _, back, _ in pings)
    assert estimate(exchanged(true_ns, pings)).uncertainty_ns == (best + 1) // 2


@given(st.integers(-(10**15), 10**15), st.lists(DELAY, min_size=1, max_size=20))
def test_symmetric_delays_give_the_exact_offset(true_ns: int, ways: list[int]) -> None:
    assert estimate(exchanged(true_ns, [(way, 5, way, 0) for way in ways])).ns == true_ns
