"""View: domain values as people read them. The only rounding and unit conversion in the project.

Three significant digits, a thousands separator, a true minus sign (docstrings make do with a hyphen); what is missing
is a dash that says why. Everything else in ``reports`` lays out the strings made here.
"""

import math
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from harness.analysis.change import Change
from harness.analysis.comparison import Pair
from harness.metrics import Metric, Origin, Unit
from harness.plan.model import Chain
from harness.plan.targets import Target
from harness.record.outcome import Outcome
from harness.statistics.intervals import Interval

MINUS = "\N{MINUS SIGN}"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
DOT = "\N{MIDDLE DOT}"
MARKS = {
    Outcome.PASS: "\N{CHECK MARK}",
    Outcome.FAIL: "\N{BALLOT X}",
    Outcome.INCONCLUSIVE: "?",
    Outcome.INVALID: "!",
}
AT_LEAST = "\N{GREATER-THAN OR EQUAL TO}"
UNITS = {
    Unit.MS: "ms",
    Unit.PER_SECOND: "req/s",
    Unit.FRACTION: "%",
    Unit.COUNT: "",
    Unit.WHOLE: "",
    Unit.USERS: "users",
    Unit.SECONDS: "s",
    Unit.MEGABYTES: "MB",
}
PLACES = {
    Origin.STRESS: "the stress stages",
    Origin.START: f"starting the service {DOT} mean of the legs",
    Origin.FAULT: f"after the faults {DOT} longest of a leg",
    Origin.MIGRATION: "the migration",
    Origin.MIGRATION_UNDER_LOAD: f"the migration under load {DOT} tried once",
}
COUNTED = {Unit.WHOLE, Unit.USERS}

STEERING = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}
"""Unicode categories that are not shown but do something: control, format, surrogate, unassigned, line separators."""

SIGNIFICANT = 3
MOST_DECIMALS = 4
ROUNDING = 1e-9
SECONDS_FROM_MS = 10_000
MINUTES_FROM_S = 120
HOURS_FROM_S = 7200


@dataclass(frozen=True, slots=True)
class FormattedValue:
    """One value of a table: its text, why it is missing or weak, and whether it is a description only."""

    text: str
    why: str = ""
    faint: bool = False


def missing(why: str) -> FormattedValue:
    """A value that does not exist, and the reason."""
    return FormattedValue("\N{EM DASH}", why)


def number(value: float, significant: int = SIGNIFICANT) -> str:
    """A number to three significant digits and at most four decimals: ``96.1``, ``1,230``, ``0.0004``.

    What is not zero never reads as zero: below the last decimal it is ``≈0``.
    """
    if not math.isfinite(value):
        return "\N{EM DASH}"
    if value == 0:
        return "0"
    mantissa = f"{abs(value):.{significant - 1}e}"
    decimals = max(significant - 1 - int(mantissa.split("e")[1]), 0)
    size = float(mantissa) if decimals <= MOST_DECIMALS else abs(value)
    text = f"{size:,.{min(decimals, MOST_DECIMALS)}f}"
    if not text.strip("0."):
        return "\N{ALMOST EQUAL TO}0"
    return f"{MINUS}{text}" if value < 0 else text


def signed(value: float) -> str:
    """A change: as ``number``, with a plus sign where it grew."""
    text = number(value)
    return f"+{text}" if value > 0 and text[0].isdigit() else text


def tidy(value: float) -> str:
    """A round number as planned or marked on an axis, without trailing zeros: ``20``, ``0.5``."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def rough(value: float) -> str:
    """A size of which the last digits say nothing, to two significant ones and never too small: ``9.2``, ``12``."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1) if value > 0 else 1.0
    return tidy(math.ceil(value / step - ROUNDING) * step)


def planned(value: float) -> str:
    """A rate as a plan says it, with nothing rounded away: ``300``, ``12,345``, ``0.125``."""
    text = f"{value:,.6f}"
    return text.rstrip("0").rstrip(".")


def tick(metric: Metric, value: float) -> str:
    """A mark on the axis of a metric, with its unit."""
    if metric.unit is Unit.MS:
        return f"{tidy(value / 1000)} s" if value >= SECONDS_FROM_MS else f"{tidy(value)} ms"
    return f"{tidy(value * 100 if metric.unit is Unit.FRACTION else value)} {UNITS[metric.unit]}".rstrip()


def change_tick(ratio: float) -> str:
    """A mark on an axis of ratios: ``-75 %``, ``no change``."""
    if ratio == 1:
        return "no change"
    text = tidy((ratio - 1) * 100)
    return f"+{text} %" if ratio > 1 else f"{text} %"


def count(value: int) -> str:
    """A counted thing, exact: ``21,480``."""
    return f"{value:,}".replace("-", MINUS)


def plural(value: int, noun: str) -> str:
    """``1 block``, ``4 blocks``."""
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def in_percent(fraction: float, *, sign: bool = False) -> str:
    """A fraction in percent, without the sign for it; what is not the whole never reads as 100."""
    value = fraction * 100
    text = signed(value) if sign else number(value)
    prefix = text.rstrip("0123456789.,")
    if abs(fraction) >= 1 or text.removeprefix(prefix) != "100":
        return text
    for decimals in range(1, MOST_DECIMALS + 1):
        longer = f"{abs(value):.{decimals}f}"
        if not longer.startswith("100"):
            return prefix + longer
    return f"{prefix}\N{ALMOST EQUAL TO}100"


def share(fraction: float) -> str:
    """A part of a whole in whole percent, without the sign for it: ``61``, ``≈0``."""
    text = f"{abs(fraction) * 100:.0f}"
    if text == "0":
        return "0" if fraction == 0 else "≈0"
    return f"{MINUS}{text}" if fraction < 0 else text


def milliseconds(ms: float) -> str:
    """A latency with its unit: ``96.1 ms``, ``1,230 ms``, ``12.3 s``."""
    return f"{number(ms / 1000)} s" if abs(ms) >= SECONDS_FROM_MS else f"{number(ms)} ms"


def bare(metric: Metric, value: float) -> str:
    """A metric's value for a column that has the unit in its head."""
    if metric.unit in COUNTED:
        return count(int(value))
    if metric.origin is Origin.STRESS:
        return planned(value)
    return in_percent(value) if metric.unit is Unit.FRACTION else number(value)


def with_unit(metric: Metric, value: float, *, at_least: bool = False) -> str:
    """A metric's value with its unit: ``96.1 ms``; a lower bound as such: ``≥ 500 users``."""
    if at_least:
        return f"{AT_LEAST} {with_unit(metric, value)}"
    if metric.unit is Unit.MS:
        return milliseconds(value)
    if metric.unit is Unit.SECONDS:
        return duration(value)
    if metric.unit is Unit.USERS:
        return plural(int(value), "user")
    return f"{bare(metric, value)} {UNITS[metric.unit]}".rstrip()


def levels(pair: Pair) -> tuple[str, str]:
    """The values of both arms with their unit, a dash for what is missing."""
    before, after = (
        "\N{EM DASH}" if value is None else with_unit(pair.metric, value, at_least=at_least)
        for value, at_least in ((pair.before, pair.before_at_least), (pair.after, pair.after_at_least))
    )
    return before, after


def value_interval(metric: Metric, interval: Interval) -> str:
    """The interval of one arm's value, with its unit: ``74.9 … 96.8 ms``."""
    if metric.unit is Unit.MS and abs(interval.high) >= SECONDS_FROM_MS:
        return f"{number(interval.low / 1000)} {ELLIPSIS} {number(interval.high / 1000)} s"
    write = number if metric.unit is Unit.PER_SECOND else partial(bare, metric)
    return f"{_bounds(interval.low, interval.high, write)} {UNITS[metric.unit]}".rstrip()


def change_size(change: Change, value: float | None = None) -> str:
    """A change without its unit: percent of before for ratios, percentage points for differences."""
    size = change.value if value is None else value
    return in_percent(size - 1 if change.scale == "ratio" else size, sign=True)


def change_with_unit(change: Change, value: float | None = None) -> str:
    """A change: ``-76.7 %`` or ``+66.4 pt``; of ``value`` when another point of the same scale is meant."""
    return f"{change_size(change, value)} {'%' if change.scale == 'ratio' else 'pt'}"


def change_interval(change: Change) -> str | None:
    """The interval of a change, ``-79.0 … -74.1``; ``None`` when it has none."""
    if change.low is None or change.high is None:
        return None
    return _bounds(change.low, change.high, partial(change_size, change))


def times(change: Change) -> str:
    """A ratio as one: ``19.4 times``."""
    return f"{number(change.value)} times"


def times_interval(change: Change) -> str | None:
    """The interval of a ratio, ``17.9 … 21.1``; ``None`` when it has none."""
    if change.low is None or change.high is None:
        return None
    return _bounds(change.low, change.high, number)


def _bounds(low: float, high: float, write: Callable[[float], str]) -> str:
    return f"{AT_LEAST} {write(low)}" if math.isinf(high) else f"{write(low)} {ELLIPSIS} {write(high)}"


def duration(seconds: float) -> str:
    """How long something took: ``12.3 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 1:
        return milliseconds(seconds * 1000)
    if seconds < MINUTES_FROM_S:
        return f"{tidy(seconds) if seconds == int(seconds) else number(seconds)} s"
    whole = round(seconds)
    if seconds < HOURS_FROM_S:
        return f"{whole // 60} min {whole % 60} s"
    return f"{count(whole // 3600)} h {whole % 3600 // 60} min"


def size(size_bytes: int) -> str:
    """A size in binary units: ``312 MiB``."""
    value, unit = float(size_bytes), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:  # noqa: PLR2004 - the step of binary units
            break
        value, unit = value / 1024, larger
    return f"{number(value)} {unit}"


def moment(text: str) -> str:
    """An ISO 8601 time to the minute: ``2026-01-02 03:04 UTC``; what is no such time stays as it is."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return plain(text)
    zone = when.strftime("%z")
    return f"{when:%Y-%m-%d %H:%M} {'UTC' if zone in {'+0000', ''} else zone}"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def plain(text: str, keep: str = "") -> str:
    """Text of others made harmless: no control, format or surrogate character steers a terminal or breaks XML."""
    return "".join(
        character
        if character in keep or unicodedata.category(character) not in STEERING
        else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )


def where(target: Target | Chain) -> str:
    """The part of the measurement that a target or a chain of steps speaks of, in full."""
    if isinstance(target, Target) and (place := PLACES.get(target.expectation.metric.origin)):
        return place
    stage = plain(target.stage) if target.stage else "all stages but ramps"
    place = f"{stage} {DOT} {_requests(target) or 'all requests'}"
    return f"{place} {DOT} {target.severity}" if isinstance(target, Target) and not target.required else place


def narrowed(target: Target) -> str:
    """What a target is narrowed to, empty when it speaks of everything: ``sustain · GET /content/{id}``."""
    parts = (plain(target.stage or ""), _requests(target), "" if target.required else target.severity)
    return f" {DOT} ".join(part for part in parts if part)


def _requests(target: Target | Chain) -> str:
    """The endpoint, or ``reads (3 endpoints)``; empty for all requests."""
    if isinstance(target, Target) and target.tag is not None:
        return f"{plain(target.tag)} ({plural(len(target.endpoints or ()), 'endpoint')})"
    return plain(target.endpoint or "")


def called(target: Target) -> str:
    """A target as one line: ``p95 < 300 ms  (sustain)``."""
    narrow = narrowed(target)
    return f"{plain(target.expect.strip())}  ({narrow})" if narrow else plain(target.expect.strip())
