"""``python -m tests.trials.coverage --suites 8000 --seed 1``: coverage of the 95 % intervals in simulated runs.

Each suite is a made-up run of which the truth is known: interleaved blocks of two legs in the product's own order, the
second arm faster by a factor. What makes real runs hard is in it: latencies whose neighbours are alike and whose tail
is heavy, blocks that differ from each other, arms that differ from block to block by themselves, and a drift over
the run. Percentiles and intervals are the product's own. Beside them stand what must not be done: a bootstrap of the
requests, and stopping as soon as the interval is narrow. Of 2,000 suites a share is known to half a percent, which is
much beside the 93.5 to 96.5 % that are asked; of 8,000, which take three minutes of one core, to a quarter.
"""

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.metrics import PERCENTILES
from harness.plan.model import ARMS
from harness.run.order import balanced_order
from harness.statistics.intervals import MIN_BLOCKS, Interval, precise_enough, t_interval
from harness.statistics.percentiles import percentile
from harness.statistics.significance import sign_flip_p
from tests.trials.signed_ranks import hodges_lehmann

Numbers = NDArray[np.float64]
NAMES = ("p50", "p95", "p99")
REQUESTS, BUDGET, CHUNK, RESAMPLES = 600, 24, 50, 1000
FIXED = (6, 8, 12)
WANTED = (0.05, 0.06, 0.07, 0.08, 0.1, 0.12)
TRUTH = math.log(0.6)
LOW, HIGH = 0.935, 0.965


@dataclass(frozen=True, slots=True)
class World:
    """How unlike requests, legs and blocks are, as standard deviations of logarithms, and the drift over all of it."""

    request: float = 0.35
    course: float = 0.3
    kinship: float = 0.95
    """The autocorrelation of the course that neighbouring requests of a leg share."""
    tail: float = 0.03
    """The share of requests multiplied by a Pareto number of index 2, which has no variance."""
    block: float = 0.15
    arm_in_block: float = 0.05
    leg: float = 0.01
    """A walk from leg to leg, beside the drift."""
    drift: float = 0.3


@dataclass(slots=True)
class Tally:
    """Coverage of one kind of interval."""

    suites: int = 0
    held: int = 0
    half_widths: list[float] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)

    def take(self, interval: Interval | None, blocks: int) -> None:
        """Count one interval; a missing one does not cover."""
        self.suites += 1
        self.blocks.append(blocks)
        if interval is not None:
            self.held += interval.low <= TRUTH <= interval.high
            self.half_widths.append(interval.half_width)

    @property
    def share(self) -> float:
        """Fraction of intervals that contain the true value."""
        return self.held / self.suites


def latencies(chance: np.random.Generator, world: World, seeds: Sequence[int]) -> Numbers:
    """Latencies in ms, shape ``(suites, blocks, arms, requests)``; the arms as in ``ARMS``, whenever they ran."""
    suites = len(seeds)
    shape = (suites, BUDGET, 2, REQUESTS)
    course = np.empty(shape)
    step = chance.standard_normal(shape)
    course[..., 0] = step[..., 0]
    for i in range(1, REQUESTS):
        course[..., i] = world.kinship * course[..., i - 1] + math.sqrt(1 - world.kinship**2) * step[..., i]
    logs = world.course * course + world.request * chance.standard_normal(shape)
    heavy = chance.random(shape) < world.tail
    logs += np.where(heavy, chance.standard_exponential(shape) / 2, 0.0)
    logs += math.log(40) + TRUTH * np.arange(2)[:, None]
    logs += world.block * chance.standard_normal((suites, BUDGET, 1, 1))
    logs += world.arm_in_block * chance.standard_normal((suites, BUDGET, 2, 1))
    return np.exp(logs + elapsed(chance, world, seeds))


def elapsed(chance: np.random.Generator, world: World, seeds: Sequence[int]) -> Numbers:
    """What the time at which a request was made adds to its logarithm: the drift, and a walk from leg to leg."""
    orders = np.array([[row.index(ARMS[0]) for row in balanced_order(BUDGET, seed)] for seed in seeds])
    place = 2 * np.arange(BUDGET)[:, None] + np.stack([orders, 1 - orders], axis=-1)
    walk = np.cumsum(world.leg * chance.standard_normal((len(seeds), 2 * BUDGET)), axis=1)
    walked = np.take_along_axis(walk, place.reshape(len(seeds), -1), axis=1).reshape(place.shape)
    moment = place[..., None] + np.arange(REQUESTS) / REQUESTS
    found: Numbers = world.drift * moment / (2 * BUDGET) + walked[..., None]
    return found


def differences(made: Numbers, name: str) -> Numbers:
    """ln(after / before) of a percentile, per block: shape ``(suites, blocks)``."""
    flat = made.reshape(-1, made.shape[-1])
    found = np.array([percentile(leg, PERCENTILES[name]) for leg in flat]).reshape(made.shape[:-1])
    change: Numbers = np.log(found[..., 1] / found[..., 0])
    return change


def by_requests(chance: np.random.Generator, made: Numbers, name: str) -> Interval:
    """The bootstrap of the requests of all blocks as if they were independent, shape ``(blocks, arms, requests)``.

    A percentile of n values drawn again is that of the sorted ones whose place is a beta number: drawn as that.
    """
    ranked = np.sort(np.swapaxes(made, 0, 1).reshape(2, -1), axis=1)
    n = ranked.shape[1]
    rank = math.ceil(PERCENTILES[name] * n)
    places = np.ceil(n * chance.beta(rank, n - rank + 1, (2, RESAMPLES))).astype(int) - 1
    before, after = np.log(np.take_along_axis(ranked, places, axis=1))
    low, high = np.quantile(after - before, [0.025, 0.975])
    return Interval(float(np.log(ranked[1, rank - 1] / ranked[0, rank - 1])), float(low), float(high))


def stopped(values: list[float], wanted: float) -> int:
    """After how many blocks the product stops, or the budget is spent."""
    return next((k for k in range(MIN_BLOCKS, len(values)) if precise_enough(values[:k], wanted)), len(values))


def tempted(values: list[float], wanted: float) -> int:
    """After how many blocks the interval is narrow for the first time."""
    for k in range(MIN_BLOCKS, len(values)):
        interval = t_interval(values[:k])
        if interval and interval.half_width <= wanted:
            return k
    return len(values)


def trial(suites: int, seed: int, said: Callable[[int], object] = int) -> dict[str, Tally]:
    """Tallies of all suites by kind of interval; ``said`` receives the number of finished suites."""
    chance, tallies = np.random.default_rng(seed), dict[str, Tally]()
    for done in range(0, suites, CHUNK):
        seeds = [seed + number for number in range(done, min(done + CHUNK, suites))]
        made = latencies(chance, World(), seeds)
        for name in NAMES:
            for suite, values in enumerate(differences(made, name).tolist()):
                for what, interval, blocks in intervals(values):
                    tallies.setdefault(f"{name} {what}", Tally()).take(interval, blocks)
                resampled = by_requests(chance, made[suite, :8], name)
                tallies.setdefault(f"{name} bootstrap of requests, 8 blocks", Tally()).take(resampled, 8)
        said(done + len(seeds))
    return tallies


def intervals(values: list[float]) -> Iterator[tuple[str, Interval | None, int]]:
    """Every interval of one suite, with what it is and the blocks that it is of."""
    for blocks in FIXED:
        some = values[:blocks]
        yield f"t, {blocks} blocks", t_interval(some), blocks
        yield f"Hodges-Lehmann, {blocks} blocks", hodges_lehmann(some), blocks
        p = sign_flip_p([value - TRUTH for value in some]) or 0.0
        yield f"sign-flip p above 0.05, {blocks} blocks", Interval(TRUTH, TRUTH, TRUTH) if p > 0.05 else None, blocks
    for wanted in WANTED:
        stop, early = stopped(values, wanted), tempted(values, wanted)
        yield f"t, stopped at {100 * wanted:.0f} %", t_interval(values[:stop]), stop
        yield f"t, as soon as {100 * wanted:.0f} %", t_interval(values[:early]), early


def right(what: str, tally: Tally) -> bool | None:
    """Whether the coverage of a kind of interval is as required; ``None`` for kinds shown for comparison."""
    if "bootstrap" in what:
        return tally.share < LOW
    if "as soon as" in what:
        return None
    least_only = "Hodges" in what or "sign-flip" in what  # exact tests of few blocks cannot be as lenient as 5 %
    return tally.share >= LOW and (least_only or tally.share <= HIGH)


def line(what: str, tally: Tally) -> str:
    """One kind of interval in one line."""
    error = math.sqrt(tally.share * (1 - tally.share) / tally.suites)
    mark = {True: "as it must", False: "NOT AS IT MUST", None: ""}[right(what, tally)]
    width = f"{100 * np.mean(tally.half_widths):6.1f}" if np.any(tally.half_widths) else " " * 6
    return f"{what:42} {100 * tally.share:6.2f} {100 * error:5.2f} {width} {np.mean(tally.blocks):7.1f}   {mark}"


def main() -> None:
    """Run the suites and print the coverage of each kind of interval."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.trials.coverage",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--suites", type=int, default=8000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="random seed")
    asked = parser.parse_args()
    found = trial(asked.suites, asked.seed, lambda done: print(f"\r{done} suites", end="", file=sys.stderr, flush=True))
    print(f"\n{'interval':42} held % error ± half %  blocks")
    for what, tally in sorted(found.items(), key=lambda item: (item[0][:3], "bootstrap" in item[0])):
        print(line(what, tally))
    wrong = [what for what, tally in found.items() if right(what, tally) is False]
    print(f"{len(wrong)} of {len(found)} are not as they must be", *wrong, sep="\n  ")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
