"""Error rates of simulated runs whose legs differ: how often intervals hold the truth, and limits at the truth fail.

    python -m tests.trials.failures --suites 2000

Requests of a leg share its error rate, drawn from a gamma distribution with a coefficient of variation (CV); both arms
have the same mean rate, so the true difference is 0. Beside it the same with a design effect of windows alone, by arm.
"""

import argparse
from dataclasses import dataclass

import numpy as np

from harness.statistics.proportions import clopper_pearson_low, design_effect, newcombe, wilson

WINDOWS = 6
Counts = list[list[tuple[int, int]]]
"""Requests and failures of each window of each leg."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of suites: the interval holds 0, that of windows alone does, a limit at the true rate fails."""

    covered: float
    covered_by_windows: float
    failed: float


def arm(rng: np.random.Generator, blocks: int, requests: int, rate: float, variation: float) -> Counts:
    """The windows of the legs of an arm."""
    shape = 1 / variation**2 if variation else np.inf
    rates = np.minimum(rng.gamma(shape, rate / shape, blocks) if variation else np.full(blocks, rate), 1.0)
    sizes = requests // WINDOWS
    return [[(sizes, int(failed)) for failed in rng.binomial(sizes, leg, WINDOWS)] for leg in rates]


def of_windows(counts: Counts) -> float:
    return design_effect([window for leg in counts for window in leg])


def of_legs(counts: Counts) -> float:
    return design_effect([(sum(n for n, _ in leg), sum(f for _, f in leg)) for leg in counts])


def holds_zero(totals: list[tuple[int, int]], effects: list[float]) -> bool:
    """Whether the interval of the difference of two arms holds 0, given their failures, requests and design effects."""
    before, after = (wilson(f / e, n / e) for (f, n), e in zip(totals, effects, strict=True))
    assert before
    assert after
    difference = newcombe(before, after)
    return difference.low <= 0 <= difference.high


def trial(suites: int, seed: int, *, blocks: int, requests: int, rate: float, variation: float) -> Shares:
    """Simulate A/A runs: both arms have the same true error rate."""
    rng = np.random.default_rng(seed)
    covered = covered_by_windows = failed = 0
    for _ in range(suites):
        arms = [arm(rng, blocks, requests, rate, variation) for _ in range(2)]
        totals = [(sum(f for leg in one for _, f in leg), sum(n for leg in one for n, _ in leg)) for one in arms]
        shared = max(max(of_windows(one), of_legs(one)) for one in arms)
        covered += holds_zero(totals, [shared, shared])
        covered_by_windows += holds_zero(totals, [*map(of_windows, arms)])
        failed += clopper_pearson_low(totals[1][0] / shared, totals[1][1] / shared) > rate
    return Shares(covered / suites, covered_by_windows / suites, failed / suites)


def main() -> None:
    """Print a table of cells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suites", type=int, default=1000)
    suites = parser.parse_args().suites
    print("blocks requests rate %   CV covers 0 % windows alone FAIL at truth %")
    for blocks in (4, 8):
        for requests in (600, 6000):
            for rate in (0.005, 0.05):
                for variation in (0.0, 0.5, 1.5):
                    one = trial(suites, 1, blocks=blocks, requests=requests, rate=rate, variation=variation)
                    shares = (one.covered, one.covered_by_windows, one.failed)
                    cells = (f"{share * 100:{width}.1f}" for share, width in zip(shares, (10, 13, 15), strict=True))
                    print(f"{blocks:6} {requests:8} {rate * 100:6.1f} {variation:4.1f}", *cells)


if __name__ == "__main__":
    main()
