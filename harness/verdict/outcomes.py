"""The outcome of each row of the comparison: improved, regressed, equivalent or inconclusive.

- Equivalent: the whole 95 % interval is smaller, in both directions, than the minimum effect of the plan: two one-sided
  tests at 2.5 % (Schuirmann 1987). A noise floor above the minimum effect makes such a row inconclusive.
- Improved or regressed: the interval excludes no change, and the change exceeds the noise floor where one is known.
  Rows that no target names are exploratory, so they are corrected (Benjamini and Hochberg 1995) per metric.
- Inconclusive: all others, with their minimum detectable effect.

Legs that were not interleaved are not paired: a change has to be three times the noise floor.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.analysis.comparison import LEVEL, Comparison, Pair, Shift, shift_of
from harness.analysis.noise import Floor, place_of
from harness.metrics import Better, Origin, Scale
from harness.plan.judgement import Judgement
from harness.plan.targets import Target
from harness.record.noise import ComparisonPlace
from harness.statistics.significance import benjamini_hochberg

SEQUENTIAL_FLOORS = 3
TENFOLD = 9.0
ALL_POINTS = 1.0


class RowOutcome(StrEnum):
    """The outcome of a row."""

    IMPROVED = "improved"
    REGRESSED = "regressed"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"


class RowReason(StrEnum):
    """Why a row is inconclusive, where the reason is not a wide interval."""

    BROKEN = "a guard broke"
    NO_DATA = "an arm has no value here"
    NO_VALUE = "a leg has no value here"
    TOO_FEW = "too few samples in a leg for this metric"
    SINGLE = "measured once in a run"
    ONE_BLOCK = "one block has no interval"
    NO_RATIO = "a value of zero has no ratio"
    IN_STEPS = "capacity is known to the step: an arm may hold any load below its next stress stage"
    LOWER_BOUND = "a leg has only a lower bound"
    ERRORS = "more requests fail, and errors are fast"
    ARRIVALS_MISSING = "more than 1 % of the arrivals of after never started, and those have no latency"
    NO_FLOOR = "sequential legs, and the noise floor is unknown"
    UNPAIRED = "sequential legs, and the change is not three times the noise floor"
    IN_NOISE = "a change within the noise floor"
    UNDETECTABLE = "so few blocks detect not even a tenfold change"


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """The outcome of one row.

    ``detectable``: the minimum detectable effect in the same unit; ``None`` where no change is detectable.
    """

    outcome: RowOutcome
    minimum_effect: float  # the smallest change that matters, as a fraction of before, or of 1 for percentage points
    detectable: float | None = None
    reason: RowReason | None = None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcome of every row of a comparison."""

    rows: Mapping[ComparisonPlace, JudgedRow]

    def of(self, pair: Pair) -> JudgedRow:
        return self.rows[pair.place]


def outcomes_of(
    comparison: Comparison,
    judgement: Judgement,
    targets: Sequence[Target] = (),
    *,
    floors: Mapping[ComparisonPlace, Floor] | None = None,
    incomplete_stages: Collection[str] = (),
    valid: bool = True,
) -> Outcomes:
    """The outcome of every pair of a comparison; ``floors`` are the noise floors that are known.

    Rows of ``targets`` were chosen before the run and are not corrected. In ``incomplete_stages`` arrivals of after
    never started, so that latencies look too good. Where not all guards held, every row is inconclusive.
    """
    known = {place: floor.value for place, floor in (floors or {}).items()}
    shifts = {pair.place: shift for pair in comparison.pairs if (shift := shift_of(pair, comparison))}
    levels = _levels(shifts, {place_of(target) for target in targets})
    rows = {}
    for pair in comparison.pairs:
        place, minimum = pair.place, judgement.smallest(pair.metric)
        if not valid:
            rows[place] = JudgedRow(RowOutcome.INCONCLUSIVE, minimum, reason=RowReason.BROKEN)
        elif shift := shifts.get(place):
            seen, level = levels[place]
            row = _Row(pair, shift, minimum, known.get(place), seen=seen, sequential=comparison.sequential)
            rows[place] = row.judged(level)
        else:
            reason = _reason_without_interval(pair, comparison)
            outcome = RowOutcome.INCONCLUSIVE if reason else RowOutcome.EQUIVALENT
            rows[place] = JudgedRow(outcome, minimum, reason=reason)
    failures = {(pair.stage, pair.endpoint): pair for pair in comparison.pairs if pair.metric.of_failures}
    return Outcomes({pair.place: _unproven(pair, failures, rows, incomplete_stages) for pair in comparison.pairs})


def _levels(
    shifts: Mapping[ComparisonPlace, Shift], named: Collection[ComparisonPlace]
) -> dict[ComparisonPlace, tuple[bool, float]]:
    """Per row, whether it is significant after correction, and the significance level for its detectable effect.

    A named row is tested at 5 %. The exploratory rows of a metric are one family. Beside ``r`` significant rows among
    ``m``, one more is significant at (r + 1) / m of 5 %: its step in the procedure of Benjamini and Hochberg.
    """
    levels = {place: (shifts[place].p <= LEVEL, LEVEL) for place in shifts if place in named}
    families: dict[str, list[ComparisonPlace]] = {}
    for place in shifts:
        if place not in named:
            families.setdefault(place.metric, []).append(place)
    for places in families.values():
        adjusted = benjamini_hochberg([shifts[place].p for place in places])
        seen = [p <= LEVEL for p in adjusted]
        levels |= {
            place: (own, LEVEL * (sum(seen) + (not own)) / len(places)) for place, own in zip(places, seen, strict=True)
        }
    return levels


def _reason_without_interval(pair: Pair, comparison: Comparison) -> RowReason | None:
    """The first reason why a pair without an interval is inconclusive; ``None`` if all its blocks are equal."""
    reasons = {
        RowReason.SINGLE: pair.metric.origin is Origin.MIGRATION,
        RowReason.NO_DATA: pair.before is None or pair.after is None,
        RowReason.TOO_FEW: pair.least_requests < pair.metric.min_samples,
        RowReason.ONE_BLOCK: comparison.blocks < 2,  # noqa: PLR2004 - one block has no spread
        RowReason.LOWER_BOUND: _bounded(pair),
        RowReason.NO_FLOOR: comparison.sequential,
        RowReason.NO_VALUE: len(pair.blocks) < comparison.blocks,
        RowReason.NO_RATIO: any(block.before != block.after for block in pair.blocks),
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def _bounded(pair: Pair) -> bool:
    legs = any(block.before_at_least or block.after_at_least for block in pair.blocks)
    return legs or pair.before_at_least or pair.after_at_least


@dataclass(frozen=True, slots=True)
class _Row:
    """A pair with an interval; ``seen`` is whether its change is significant after correction."""

    pair: Pair
    shift: Shift
    minimum: float
    floor: float | None
    seen: bool
    sequential: bool

    def judged(self, level: float) -> JudgedRow:
        """The outcome; ``level`` is the significance level for the detectable effect."""
        found = self._unpaired() if self.sequential else self._paired()
        outcome, reason = (found, None) if isinstance(found, RowOutcome) else (RowOutcome.INCONCLUSIVE, found)
        floor = self.floor or 0.0
        visible = max(self._size(self.shift.visible(level)), SEQUENTIAL_FLOORS * floor if self.sequential else floor)
        blind = visible >= (ALL_POINTS if self._points else TENFOLD)
        if outcome is RowOutcome.INCONCLUSIVE and reason is None and blind:
            reason = RowReason.UNDETECTABLE
        return JudgedRow(outcome, self.minimum, None if blind else visible, reason)

    def _paired(self) -> RowOutcome | RowReason:
        steps, bounded = self.pair.metric.origin is Origin.STRESS, _bounded(self.pair)
        if self._inside and not steps and not bounded:
            noisy = self.floor is not None and self.floor > self.minimum
            return RowReason.IN_NOISE if noisy else RowOutcome.EQUIVALENT
        if not self.seen:
            return RowReason.IN_STEPS if steps else RowOutcome.INCONCLUSIVE
        if self.floor is not None and abs(self.shift.value) <= self._log(self.floor):
            return RowReason.IN_NOISE
        if self.shift.value < 0 and bounded:  # after may be anything above its lower bound
            return RowReason.LOWER_BOUND
        return self._direction()

    @property
    def _inside(self) -> bool:
        """Whether the whole interval is within the minimum effect."""
        none, change = 0.0 if self._points else 1.0, self.pair.change
        interval = change.interval if change else None
        return bool(interval and interval.low >= none - self.minimum and interval.high <= none + self.minimum)

    def _unpaired(self) -> RowOutcome | RowReason:
        if self.floor is None:
            return RowReason.NO_FLOOR
        floors = SEQUENTIAL_FLOORS * self._log(self.floor)
        return self._direction() if self.seen and abs(self.shift.value) > floors else RowReason.UNPAIRED

    def _direction(self) -> RowOutcome:
        better = (self.shift.value < 0) == (self.pair.metric.better is Better.LOWER)
        return RowOutcome.IMPROVED if better else RowOutcome.REGRESSED

    @property
    def _points(self) -> bool:
        return self.pair.metric.scale is not Scale.LOG

    def _log(self, fraction: float) -> float:
        return fraction if self._points else math.log1p(fraction)

    def _size(self, shift: float) -> float:
        return shift if self._points else math.expm1(min(shift, 700.0))


def _unproven(
    pair: Pair,
    failures: Mapping[tuple[str | None, str | None], Pair],
    rows: Mapping[ComparisonPlace, JudgedRow],
    incomplete: Collection[str],
) -> JudgedRow:
    """The outcome of a pair; a latency with more failed requests, or missing arrivals, is inconclusive."""
    row = rows[pair.place]
    good = row.outcome in {RowOutcome.IMPROVED, RowOutcome.EQUIVALENT}
    if not good or not pair.metric.latency:
        return row
    if incomplete and (pair.stage is None or pair.stage in incomplete):
        return replace(row, outcome=RowOutcome.INCONCLUSIVE, reason=RowReason.ARRIVALS_MISSING)
    errors = failures.get((pair.stage, pair.endpoint))
    rise = errors.change if errors else None
    if errors and rise and (rise.low or 0) > 0 and rise.value > rows[errors.place].minimum_effect:
        return replace(row, outcome=RowOutcome.INCONCLUSIVE, reason=RowReason.ERRORS)
    return row
