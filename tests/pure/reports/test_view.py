"""What a number looks like, row by row."""

import unicodedata

import pytest

from harness.analysis.change import Change
from harness.metrics import METRICS
from harness.plan.targets import Target
from harness.statistics.intervals import Interval
from reports import formatting, naming

HIDDEN = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (-0.0, "0"),  # negative zero is zero
        (412.3, "412"),
        (96.14, "96.1"),
        (9.876, "9.88"),
        (65.0, "65.0"),  # trailing zeros are significant
        (0.05, "0.0500"),
        (0.0004, "0.0004"),  # at most four decimals
        (0.00123, "0.0012"),
        (1e-9, "≈0"),  # what is not zero never reads as zero
        (-1e-9, "≈0"),
        (999.4, "999"),
        (999.5, "1,000"),  # rounding may add a digit
        (1049.0, "1,050"),
        (123456.0, "123,000"),
        (1e7, "10,000,000"),
        (-76.66, "−76.7"),  # noqa: RUF001 - the true minus sign
        (float("nan"), "—"),
        (float("inf"), "—"),
    ],
)
def test_a_number_has_three_significant_digits(value: float, shown: str) -> None:
    assert formatting.number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0004, "0.0004 ms"), (96.14, "96.1 ms"), (9994.0, "9,990 ms"), (10_000.0, "10.0 s"), (123_456.0, "123 s")],
)
def test_a_latency_turns_to_seconds_from_ten_thousand_milliseconds(value: float, shown: str) -> None:
    assert formatting.milliseconds(value) == shown


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [
        (0.0, "0"),
        (1.0, "100"),
        (0.248, "24.8"),
        (0.000413, "0.0413"),
        (0.9995, "99.95"),  # what is not the whole never reads as 100
        (0.99996, "99.996"),
        (0.99999999, "≈100"),
        (-0.9997, "−99.97"),  # noqa: RUF001 - the true minus sign
        (24.0, "2,400"),
    ],
)
def test_a_fraction_is_shown_in_percent(fraction: float, shown: str) -> None:
    assert formatting.in_percent(fraction) == shown


@pytest.mark.parametrize(
    ("part", "shown"),
    [(0.614, "61"), (1.0, "100"), (-0.047, "\N{MINUS SIGN}5"), (0.004, "≈0"), (-0.004, "≈0"), (0.0, "0"), (2.5, "250")],
)
def test_a_share_is_in_whole_percent_and_never_reads_as_nothing(part: float, shown: str) -> None:
    assert formatting.share(part) == shown


@pytest.mark.parametrize(
    ("names", "shown"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (list("abc"), "a, b and c")]
)
def test_names_are_listed_as_in_a_sentence(names: list[str], shown: str) -> None:
    assert formatting.listed(names) == shown


@pytest.mark.parametrize(
    ("change", "shown", "interval"),
    [
        (Change("ratio", 0.233, 0.21, 0.259, None, None), "−76.7 %", "−79.0 … −74.1"),  # noqa: RUF001
        (Change("points", 0.664, 0.65, 0.677, None, None), "+66.4 pp", "+65.0 … +67.7"),
        (Change("ratio", 25.0, 20.0, 30.0, None, None), "+2,400 %", "+1,900 … +2,900"),
        (Change("ratio", 1.0, 1.0, 1.0, None, None), "0 %", "0 … 0"),
        (Change("points", -0.0, -0.001, 0.001, None, None), "0 pp", "−0.100 … +0.100"),  # noqa: RUF001
        (Change("ratio", 0.5, None, None, None, None), "−50.0 %", None),  # noqa: RUF001
        (Change("ratio", 0.0002, 0.0001, 0.5, None, None), "−99.98 %", "−99.99 … −50.0"),  # noqa: RUF001
    ],
)
def test_a_change_has_a_sign_a_unit_and_an_interval(change: Change, shown: str, interval: str | None) -> None:
    assert formatting.change_with_unit(change) == shown
    assert formatting.change_interval(change) == interval


@pytest.mark.parametrize(
    ("metric", "value", "shown", "bare"),
    [
        ("p95", 412.3, "412 ms", "412"),
        ("p95", 12_345.0, "12.3 s", "12,300"),  # a column keeps the unit of its head
        ("rps", 341.2, "341 req/s", "341"),
        ("error_rate", 0.0, "0 %", "0"),
        ("cache_hit_rate", 0.912, "91.2 %", "91.2"),
        ("queries_per_request", 11.0, "11.0", "11.0"),
        ("users_held", 1500.0, "1,500 users", "1,500"),
        ("users_held", 1.0, "1 user", "1"),
        ("users_held", 0.0, "0 users", "0"),
        ("indexes_created", 40.0, "40", "40"),
        ("migration_seconds", 0.42, "420 ms", "0.420"),
        ("migration_seconds", 200.0, "3 min 20 s", "200"),
        ("ready_seconds", 2.125, "2.12 s", "2.12"),
    ],
)
def test_a_value_has_the_unit_of_its_metric(metric: str, value: float, shown: str, bare: str) -> None:
    assert formatting.with_unit(METRICS[metric], value) == shown
    assert formatting.bare(METRICS[metric], value) == bare


def test_a_lower_bound_says_so() -> None:
    assert formatting.with_unit(METRICS["users_held"], 500, at_least=True) == "≥ 500 users"


@pytest.mark.parametrize(
    ("metric", "interval", "shown"),
    [
        ("p95", Interval(85, 74.9, 96.78), "74.9 … 96.8 ms"),
        ("p95", Interval(9000, 8000, 12_000), "8.00 … 12.0 s"),  # one unit for both ends
        ("error_rate", Interval(0, 0, 0.000413), "0 … 0.0413 %"),
        ("queries_per_request", Interval(1, 0.9, 1.1), "0.900 … 1.10"),
        ("ready_seconds", Interval(2, 1.5, 2.5), "1.50 … 2.50 s"),
    ],
)
def test_the_interval_of_a_value_has_one_unit(metric: str, interval: Interval, shown: str) -> None:
    assert formatting.value_interval(METRICS[metric], interval) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0421, "42.1 ms"),
        (5, "5 s"),
        (12.34, "12.3 s"),
        (119.6, "120 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_duration(seconds: float, shown: str) -> None:
    assert formatting.duration(seconds) == shown


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 B"), (1023, "1,020 B"), (2048, "2.00 KiB"), (412 * 2**20, "412 MiB"), (2**43, "8.00 TiB")],
)
def test_a_size(size: int, shown: str) -> None:
    assert formatting.size(size) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-01-02T03:04:05+00:00", "2026-01-02 03:04 UTC"),
        ("2026-01-02T03:04:05", "2026-01-02 03:04 UTC"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02 03:04 +0200"),
        ("yesterday", "yesterday"),
    ],
)
def test_a_moment(text: str, shown: str) -> None:
    assert formatting.moment(text) == shown


@pytest.mark.parametrize(("count", "shown"), [(0, "0 blocks"), (1, "1 block"), (21_480, "21,480 blocks")])
def test_a_count_is_exact_and_agrees_with_its_noun(count: int, shown: str) -> None:
    assert formatting.plural(count, "block") == shown


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [(1.0, "no change"), (0.5, "−50 %"), (0.002, "−99.8 %"), (3.0, "+200 %")],  # noqa: RUF001
)
def test_a_mark_on_the_axis_of_changes(ratio: float, shown: str) -> None:
    assert formatting.change_tick(ratio) == shown


def test_control_characters_of_others_reach_no_terminal_and_no_xml() -> None:
    shown = formatting.plain("a\x1b[31m\x00\x85\u202e\ud800\u2028b\nc", keep="\n")
    assert not [c for c in shown if unicodedata.category(c) in HIDDEN and c != "\n"]
    assert shown.startswith("a")
    assert shown.endswith("b\nc")
    assert len(shown) == len("a\x1b[31m\x00\x85\u202e\ud800\u2028b\nc")


def test_a_target_is_called_by_what_it_is_narrowed_to() -> None:
    assert naming.target_name(Target(expect="p95 < 3 ms")) == "p95 < 3 ms"
    narrow = Target(expect="p95 < 3 ms", stage="peak", endpoint="GET /")
    assert naming.target_name(narrow) == "p95 < 3 ms (peak · GET /)"
    assert naming.where(Target(expect="p95 < 3 ms")) == "all stages except ramps · all requests"
