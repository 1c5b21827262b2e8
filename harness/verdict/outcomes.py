"""Outcome: what each row of the comparison shows: improved, regressed, equivalent, or that it cannot tell.

"No worse" is shown by an interval, never by a missing difference. A row is

- equivalent when its whole 95 % interval is smaller, in both directions, than the smallest change that counts: two
  one-sided tests at 2.5 % (Schuirmann 1987). What counts is what the plan says; a machine whose noise floor is larger
  cannot tell;
- improved or regressed when its interval excludes no change and the change is larger than the noise floor, where one
  is known. Rows that no target names are explored: with hundreds of them some intervals exclude no change by chance, so
  these are corrected by Benjamini and Hochberg (1995), those of a metric together;
- else it cannot tell, and says which change would have been seen.

Legs that did not take turns are no pairs: they show nothing, unless the change is three times the noise floor.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.analysis.change import Change
from harness.analysis.comparison import Comparison, Pair
from harness.analysis.noise import Floor
from harness.analysis.noise import place_of as place_of_target
from harness.analysis.shift import LEVEL, Shift, shift_of
from harness.metrics import Better, Origin, Scale
from harness.plan.judgement import Judgement
from harness.plan.targets import Target
from harness.record.noise import ComparisonPlace
from harness.statistics.multiplicity import benjamini_hochberg

SEQUENTIAL_FLOORS = 3
TENFOLD = 9.0
ALL_POINTS = 1.0

Cell = tuple[str | None, str | None]


class RowOutcome(StrEnum):
    """What a row shows."""

    IMPROVED = "improved"
    REGRESSED = "regressed"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "cannot tell"


class RowReason(StrEnum):
    """Why a row cannot tell, where it is not its interval that is too wide."""

    BROKEN = "the measurement broke"
    NO_DATA = "an arm has no value here"
    NO_VALUE = "a leg has no value here"
    TOO_FEW = "too few samples in a leg for this metric"
    SINGLE = "measured once in a run"
    ONE_BLOCK = "one block has no interval"
    NO_RATIO = "a value of zero has no ratio"
    IN_STEPS = "load is held in steps, and an arm may hold anything below the next one"
    LOWER_BOUND = "a leg has a lower bound only"
    ERRORS = "more requests fail, and errors answer fast"
    ARRIVALS_MISSING = "more than 1 % of the arrivals of after never began, and what never began has no latency"
    NO_FLOOR = "not measured in turns, and the noise floor is not known"
    UNPAIRED = "not measured in turns, and not a change of three times the noise floor"
    IN_NOISE = "a change within the noise floor"
    UNDETECTABLE = "not even a tenfold change would have been seen in so few blocks"


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """What one row shows.

    ``minimum_effect`` is the smallest change that counts, ``detectable`` the smallest that would have been seen, both as a
    fraction of before, or of 1 for points; ``detectable`` is ``None`` where nothing would have been.
    """

    outcome: RowOutcome
    minimum_effect: float
    detectable: float | None = None
    reason: RowReason | None = None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What every row of a comparison shows."""

    rows: Mapping[ComparisonPlace, JudgedRow]

    def of(self, pair: Pair) -> JudgedRow:
        """What a pair of the comparison shows."""
        return self.rows[pair_place(pair)]


def pair_place(pair: Pair) -> ComparisonPlace:
    """Where a pair stands in its comparison."""
    return ComparisonPlace(pair.metric.name, pair.stage, pair.endpoint, pair.tag)


def outcomes_of(
    comparison: Comparison,
    judgement: Judgement,
    targets: Sequence[Target] = (),
    *,
    floors: Mapping[ComparisonPlace, Floor] | None = None,
    silent: Collection[str] = (),
    valid: bool = True,
) -> Outcomes:
    """What every pair of a comparison shows.

    Args:
        comparison: the pairs.
        judgement: the smallest changes that count.
        targets: their rows were chosen before the run, and are not corrected for being many.
        floors: how much two identical arms differ on this host, where that is known.
        silent: stages in which arrivals of after never began, so that latencies are better than the service.
        valid: whether the measurement held; of one that broke no row tells anything.
    """
    known = {place: floor.value for place, floor in (floors or {}).items()}
    shifts = {pair_place(pair): shift for pair in comparison.pairs if (shift := shift_of(pair, comparison))}
    named = {place_of_target(target) for target in targets}
    levels = _levels(shifts, named)
    rows = {}
    for pair in comparison.pairs:
        place = pair_place(pair)
        counts = judgement.smallest(pair.metric)
        if not valid:
            rows[place] = JudgedRow(RowOutcome.INCONCLUSIVE, counts, reason=RowReason.BROKEN)
        elif place not in shifts:
            rows[place] = _without_interval(pair, comparison, counts)
        else:
            seen, level = levels[place]
            row = _Row(pair, shifts[place], counts, known.get(place), seen=seen, sequential=comparison.sequential)
            rows[place] = row.judged(level)
    failures = {(pair.stage, pair.endpoint): pair for pair in comparison.pairs if pair.metric.of_failures}
    return Outcomes({pair_place(pair): _unproven(pair, failures, rows, silent) for pair in comparison.pairs})


def _levels(
    shifts: Mapping[ComparisonPlace, Shift], named: Collection[ComparisonPlace]
) -> dict[ComparisonPlace, tuple[bool, float]]:
    """Per row, whether it excludes no change after correction, and the level at which it would have been seen to.

    A named row is tested at 5 %. The explored rows of a metric are a family of their own, so that hits which all
    changed do not make it easier for a latency to have done so by chance. One more row, beside ``r`` that are seen
    among ``m``, is seen at (r + 1) / m of 5 %: the step of Benjamini and Hochberg that it would stand on.
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


def _without_interval(pair: Pair, comparison: Comparison, counts: float) -> JudgedRow:
    """Why a pair without an interval cannot tell; what is the same number in every block is equivalent."""
    if pair.metric.origin is Origin.MIGRATION:
        why = RowReason.SINGLE
    elif pair.before is None or pair.after is None:
        why = RowReason.NO_DATA
    elif pair.least_requests < pair.metric.min_samples:
        why = RowReason.TOO_FEW
    elif comparison.blocks < 2:  # noqa: PLR2004 - one block has no spread
        why = RowReason.ONE_BLOCK
    elif _bounded(pair):
        why = RowReason.LOWER_BOUND
    elif comparison.sequential:
        why = RowReason.NO_FLOOR
    elif len(pair.blocks) < comparison.blocks:
        why = RowReason.NO_VALUE
    elif all(block.before == block.after for block in pair.blocks):
        return JudgedRow(RowOutcome.EQUIVALENT, counts)
    else:
        why = RowReason.NO_RATIO
    return JudgedRow(RowOutcome.INCONCLUSIVE, counts, reason=why)


def _bounded(pair: Pair) -> bool:
    legs = any(block.before_at_least or block.after_at_least for block in pair.blocks)
    return legs or pair.before_at_least or pair.after_at_least


@dataclass(frozen=True, slots=True)
class _Row:
    """A pair with an interval: the smallest change that counts, its floor, and whether it was seen to change."""

    pair: Pair
    shift: Shift
    counts: float
    floor: float | None
    seen: bool
    sequential: bool

    def judged(self, level: float) -> JudgedRow:
        """What it shows; explored rows are tested at the ``level`` that is left for them."""
        outcome, why = self._unpaired() if self.sequential else self._paired()
        floor = self.floor or 0.0
        visible = max(self._size(self.shift.visible(level)), SEQUENTIAL_FLOORS * floor if self.sequential else floor)
        blind = visible >= (ALL_POINTS if self._points else TENFOLD)
        if outcome is RowOutcome.INCONCLUSIVE and why is None and blind:
            why = RowReason.UNDETECTABLE
        return JudgedRow(outcome, self.counts, None if blind else visible, why)

    def _paired(self) -> tuple[RowOutcome, RowReason | None]:
        steps = self.pair.metric.origin is Origin.STRESS
        if self._inside and not steps and not _bounded(self.pair):
            noisy = self.floor is not None and self.floor > self.counts
            return (RowOutcome.INCONCLUSIVE, RowReason.IN_NOISE) if noisy else (RowOutcome.EQUIVALENT, None)
        why = None
        if not self.seen:
            why = RowReason.IN_STEPS if steps else None
        elif self.floor is not None and abs(self.shift.value) <= self._log(self.floor):
            why = RowReason.IN_NOISE
        elif self.shift.value < 0 and _bounded(self.pair):  # after may be anything above its lower bound
            why = RowReason.LOWER_BOUND
        else:
            return self._direction(), None
        return RowOutcome.INCONCLUSIVE, why

    @property
    def _inside(self) -> bool:
        """Whether the whole interval is smaller than what counts."""
        change, none = self.pair.change, 0.0 if self._points else 1.0
        if change is None or change.low is None or change.high is None:
            return False
        return change.low >= none - self.counts and change.high <= none + self.counts

    def _unpaired(self) -> tuple[RowOutcome, RowReason | None]:
        if self.floor is None:
            return RowOutcome.INCONCLUSIVE, RowReason.NO_FLOOR
        if not self.seen or abs(self.shift.value) <= SEQUENTIAL_FLOORS * self._log(self.floor):
            return RowOutcome.INCONCLUSIVE, RowReason.UNPAIRED
        return self._direction(), None

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
    pair: Pair, failures: Mapping[Cell, Pair], rows: Mapping[ComparisonPlace, JudgedRow], silent: Collection[str]
) -> JudgedRow:
    """What a pair shows; a latency that looks no worse proves nothing where more fails, or where few were asked."""
    row = rows[pair_place(pair)]
    good = row.outcome in {RowOutcome.IMPROVED, RowOutcome.EQUIVALENT}
    if not good or not pair.metric.latency:
        return row
    if silent and (pair.stage is None or pair.stage in silent):
        return replace(row, outcome=RowOutcome.INCONCLUSIVE, reason=RowReason.ARRIVALS_MISSING)
    errors = failures.get((pair.stage, pair.endpoint))
    if errors and errors.change and _rises(errors.change, rows[pair_place(errors)].minimum_effect):
        return replace(row, outcome=RowOutcome.INCONCLUSIVE, reason=RowReason.ERRORS)
    return row


def _rises(errors: Change, counts: float) -> bool:
    """Whether more fails than by chance, and by more than what does not count."""
    return errors.low is not None and errors.low > 0 and errors.value > counts
