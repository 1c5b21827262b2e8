"""Numbers, times, sizes and texts as strings: the only rounding and unit conversion of the product.

Three significant digits, a thousands separator, a minus sign (written as a hyphen in docstrings), a dash with its
reason for a missing value.
"""

import math
import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple, TypeVar

from harness.analysis.change import Change
from harness.analysis.comparison import Pair
from harness.metrics import Metric, Origin, Unit
from harness.record.outcome import Outcome
from harness.statistics.intervals import Interval

T = TypeVar("T")

MINUS = "\N{MINUS SIGN}"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
DOT = "\N{MIDDLE DOT}"
DASH = "\N{EM DASH}"
ARROW = "\N{RIGHTWARDS ARROW}"
MARKS = {Outcome.PASS: "\N{CHECK MARK}", Outcome.FAIL: "\N{BALLOT X}", Outcome.INCONCLUSIVE: "?", Outcome.INVALID: "!"}
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
COUNTED = {Unit.WHOLE, Unit.USERS}

UNPRINTABLE = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}
"""Unicode categories: control, format, surrogate, unassigned, line and paragraph separators."""

SIGNIFICANT = 3
MOST_DECIMALS = 4
ROUNDING = 1e-9
SECONDS_FROM_MS = 10_000
MINUTES_FROM_S = 120
HOURS_FROM_S = 7200


class FormattedValue(NamedTuple):
    """A value of a table: its text, and ``why`` it is missing or ``faint`` (indicative only)."""

    text: str
    why: str = ""
    faint: bool = False


def missing(why: str) -> FormattedValue:
    """A dash, with the reason."""
    return FormattedValue(DASH, why)


def value_or(value: T | None, write: Callable[[T], str], why: str) -> FormattedValue:
    """A value as ``write`` formats it; a dash and ``why`` where there is none."""
    return missing(why) if value is None else FormattedValue(write(value))


def number(value: float) -> str:
    """A number to three significant digits and at most four decimals: ``96.1``, ``1,230``, ``0.0004``, ``≈0``."""
    if not math.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    mantissa = f"{abs(value):.{SIGNIFICANT - 1}e}"
    decimals = max(SIGNIFICANT - 1 - int(mantissa.split("e")[1]), 0)
    size = float(mantissa) if decimals <= MOST_DECIMALS else abs(value)
    text = f"{size:,.{min(decimals, MOST_DECIMALS)}f}"
    if not text.strip("0."):
        return "\N{ALMOST EQUAL TO}0"
    return f"{MINUS}{text}" if value < 0 else text


def signed(value: float) -> str:
    """As ``number``, with a plus sign for an increase."""
    text = number(value)
    return f"+{text}" if value > 0 and text[0].isdigit() else text


def tidy(value: float) -> str:
    """As ``number``, without trailing zeros: ``20``, ``0.5``."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def rough(value: float) -> str:
    """Rounded up to two significant digits: ``9.2``, ``12``."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1) if value > 0 else 1.0
    return tidy(math.ceil(value / step - ROUNDING) * step)


def planned(value: float) -> str:
    """A rate of a plan, to six decimals: ``300``, ``12,345``, ``0.125``."""
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def tick(metric: Metric, value: float) -> str:
    """The label of an axis tick, with the metric's unit."""
    if metric.unit is Unit.MS:
        return f"{tidy(value / 1000)} s" if value >= SECONDS_FROM_MS else f"{tidy(value)} ms"
    return f"{tidy(value * 100 if metric.unit is Unit.FRACTION else value)} {UNITS[metric.unit]}".rstrip()


def change_tick(ratio: float) -> str:
    """The label of a tick on an axis of ratios: ``-75 %``, ``no change``."""
    if ratio == 1:
        return "no change"
    return f"{'+' if ratio > 1 else ''}{tidy((ratio - 1) * 100)} %"


def count(value: int) -> str:
    """An integer with its thousands separators: ``21,480``."""
    return f"{value:,}".replace("-", MINUS)


def plural(value: int, noun: str) -> str:
    """``1 block``, ``4 blocks``, ``2 indexes``, ``3 tries``."""
    if value == 1:
        return f"1 {noun}"
    if noun.endswith("try"):
        return f"{count(value)} {noun[:-1]}ies"
    return f"{count(value)} {noun}{'es' if noun.endswith(('x', 'ss')) else 's'}"


def in_percent(fraction: float, *, sign: bool = False) -> str:
    """A fraction in percent, without ``%``; a share below 1 is never shown as 100."""
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
    """A fraction in whole percent, without ``%``: ``61``, ``≈0``."""
    text = f"{abs(fraction) * 100:.0f}"
    if text == "0":
        return "0" if fraction == 0 else "≈0"
    return f"{MINUS}{text}" if fraction < 0 else text


def milliseconds(ms: float) -> str:
    """A latency with its unit: ``96.1 ms``, ``1,230 ms``, ``12.3 s``."""
    return f"{number(ms / 1000)} s" if abs(ms) >= SECONDS_FROM_MS else f"{number(ms)} ms"


def bare(metric: Metric, value: float) -> str:
    """A metric's value without its unit."""
    if metric.unit in COUNTED:
        return count(int(value))
    if metric.origin is Origin.STRESS:
        return planned(value)
    return in_percent(value) if metric.unit is Unit.FRACTION else number(value)


def with_unit(metric: Metric, value: float, *, at_least: bool = False) -> str:
    """A metric's value with its unit: ``96.1 ms``; a lower bound: ``≥ 500 users``."""
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
    """The values of before and after with their unit, a dash for a missing one."""
    return (
        DASH if pair.before is None else with_unit(pair.metric, pair.before, at_least=pair.before_at_least),
        DASH if pair.after is None else with_unit(pair.metric, pair.after, at_least=pair.after_at_least),
    )


def value_interval(metric: Metric, interval: Interval) -> str:
    """The interval of one arm's value, with its unit: ``74.9 … 96.8 ms``."""
    if metric.unit is Unit.MS and abs(interval.high) >= SECONDS_FROM_MS:
        return f"{number(interval.low / 1000)} {ELLIPSIS} {number(interval.high / 1000)} s"
    write = number if metric.unit is Unit.PER_SECOND else partial(bare, metric)
    return f"{_bounds(interval.low, interval.high, write)} {UNITS[metric.unit]}".rstrip()


def change_size(change: Change, value: float | None = None) -> str:
    """A change without its unit: in percent for ratios, in percentage points for differences."""
    size = change.value if value is None else value
    return in_percent(size - 1 if change.scale == "ratio" else size, sign=True)


def change_with_unit(change: Change, value: float | None = None) -> str:
    """A change, or another ``value`` on its scale: ``-76.7 %``, ``+66.4 pp``."""
    return f"{change_size(change, value)} {'%' if change.scale == 'ratio' else 'pp'}"


def change_interval(change: Change) -> str | None:
    """The interval of a change, ``-79.0 … -74.1``; ``None`` when it has none."""
    return _change_bounds(change, partial(change_size, change))


def factor(change: Change) -> str:
    """A ratio with its interval: ``19.4 times (95 % interval 17.9 … 21.1)``."""
    interval = _change_bounds(change, number)
    return f"{number(change.value)} times{f' (95 % interval {interval})' if interval else ''}"


def _change_bounds(change: Change, write: Callable[[float], str]) -> str | None:
    return None if change.low is None or change.high is None else _bounds(change.low, change.high, write)


def _bounds(low: float, high: float, write: Callable[[float], str]) -> str:
    return f"{AT_LEAST} {write(low)}" if math.isinf(high) else f"{write(low)} {ELLIPSIS} {write(high)}"


def duration(seconds: float) -> str:
    """A duration: ``12.3 s``, ``3 min 20 s``, ``2 h 5 min``."""
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
    """An ISO 8601 time to the minute: ``2026-01-02 03:04 UTC``; any other text unchanged."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return plain(text)
    zone = when.strftime("%z")
    return f"{when:%Y-%m-%d %H:%M} {'UTC' if zone in {'+0000', ''} else zone}"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def first_of(names: Sequence[str], most: int, separator: str = ", ") -> str:
    """The first names and the number of the others: ``a, b and 3 more``."""
    more = len(names) - most
    return separator.join(names[:most]) + (f" and {count(more)} more" if more > 0 else "")


def capitalised(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def plain(text: str, keep: str = "") -> str:
    """The text without control, format and surrogate characters, which could steer a terminal or break XML."""
    return "".join(
        character if character in keep or unicodedata.category(character) not in UNPRINTABLE else "\ufffd"
        for character in text
    )


def one_line(text: str, most: int) -> str:
    """The text on one line, cut after ``most`` characters."""
    line = " ".join(plain(text, keep="\n\t").split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}{ELLIPSIS}"
