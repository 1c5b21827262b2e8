"""``python -m tests.trials.slopes --series 300 --seed 1``: coverage of intervals of a slope.

An autocorrelated series grows by a known amount per step. One interval is that of the product, from the means of eight
segments; the other is a stationary bootstrap of the residuals. About a minute of one core.
"""

import argparse
from typing import Any

import numpy as np
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from numpy.typing import NDArray

from harness.statistics.intervals import Interval
from harness.statistics.time_series import trend

Numbers = NDArray[np.float64]
SLOPE, RESAMPLES, WARM_UP = 0.1, 200, 60
LENGTHS, KINSHIPS = (60, 120), (0.0, 0.5, 0.8)


def series(chance: np.random.Generator, n: int, kinship: float) -> Numbers:
    """A straight line with heavy-tailed errors (Student's t, 4 degrees) of this autocorrelation."""
    errors = chance.standard_t(4, WARM_UP + n)
    for i in range(1, len(errors)):
        errors[i] += kinship * errors[i - 1]
    made: Numbers = errors[WARM_UP:] + SLOPE * np.arange(n)
    return made


def theil_sen(values: Numbers) -> Numbers:
    """The median of the slopes of all pairs of values, shape ``(1,)``."""
    first, second = np.triu_indices(len(values), 1)
    return np.atleast_1d(np.median((values[second] - values[first]) / (second - first)))


def by_blocks(values: Numbers, chance: np.random.Generator) -> Interval:
    """The basic interval of a stationary bootstrap of the residuals."""
    slope = float(theil_sen(values)[0])
    left = values - slope * np.arange(len(values))
    length = max(1.0, float(optimal_block_length(left)["stationary"].iloc[0]))
    blocks: Any = StationaryBootstrap  # its own types know whole lengths only
    low, high = blocks(length, left, seed=chance).conf_int(theil_sen, RESAMPLES).ravel()
    return Interval(slope, slope + float(low), slope + float(high))


def held(count: int, n: int, kinship: float, seed: int) -> dict[str, list[Interval]]:
    """The intervals of so many series, by either way."""
    chance = np.random.default_rng(seed)
    found: dict[str, list[Interval]] = {"means of stretches": [], "bootstrap in blocks": []}
    for _ in range(count):
        values = series(chance, n, kinship)
        known = trend(values.tolist())
        found["means of stretches"] += [known] if known else []
        found["bootstrap in blocks"].append(by_blocks(values, chance))
    return found


def main() -> None:
    """Draw the series and print the coverage of both intervals."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.trials.slopes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--series", type=int, default=300, help="how many of each kind")
    parser.add_argument("--seed", type=int, default=1, help="random seed")
    asked = parser.parse_args()
    print(f"{'values':>6} {'alike':>6}  {'interval':20} held %  width")
    for n in LENGTHS:
        for kinship in KINSHIPS:
            for what, intervals in held(asked.series, n, kinship, asked.seed).items():
                share = np.mean([one.low <= SLOPE <= one.high for one in intervals])
                width = np.mean([one.high - one.low for one in intervals])
                print(f"{n:6} {kinship:6.1f}  {what:20} {100 * share:6.1f} {width:6.4f}", flush=True)


if __name__ == "__main__":
    main()
