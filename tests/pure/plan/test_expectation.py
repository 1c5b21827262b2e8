import re
from pathlib import Path

import pytest

from harness.metrics import METRICS
from harness.plan.expectation import ExpectationError, Form, parse_expectation


@pytest.mark.parametrize(
    ("text", "metric", "form", "limit", "below", "floor"),
    [
        ("p95 < 300 ms", "p95", Form.ABSOLUTE, 300.0, True, 0.0),
        ("p95 <= 0.3 s", "p95", Form.ABSOLUTE, 300.0, True, 0.0),
        ("  p50<5us ", "p50", Form.ABSOLUTE, 0.005, True, 0.0),
        ("rps > 300", "rps", Form.ABSOLUTE, 300.0, False, 0.0),
        ("rps >= 300 req/s", "rps", Form.ABSOLUTE, 300.0, False, 0.0),
        ("cache_hit_rate > 80 %", "cache_hit_rate", Form.ABSOLUTE, 0.8, False, 0.0),
        ("cache_hit_rate > 0.8", "cache_hit_rate", Form.ABSOLUTE, 0.8, False, 0.0),
        ("error_rate < 0.1%", "error_rate", Form.ABSOLUTE, 0.001, True, 0.0),
        ("p50 falls by 79 %", "p50", Form.IMPROVEMENT, 0.79, True, 0.0),
        ("rps rises by 567 %", "rps", Form.IMPROVEMENT, 5.67, False, 0.0),
        ("p99 rises by at most 5 % and 2 ms", "p99", Form.NO_REGRESSION, 0.05, False, 2.0),
        ("p99 rises by at most 5 %", "p99", Form.NO_REGRESSION, 0.05, False, 0.0),
        ("p99 rises by at most 5 % and 1 s", "p99", Form.NO_REGRESSION, 0.05, False, 1000.0),
        ("p99 rises by at most 0 %", "p99", Form.NO_REGRESSION, 0.0, False, 0.0),
        ("p50 < 5 µs", "p50", Form.ABSOLUTE, 0.005, True, 0.0),
        ("cache_hit_rate >= 100 %", "cache_hit_rate", Form.ABSOLUTE, 1.0, False, 0.0),
        ("users_held >= 500", "users_held", Form.ABSOLUTE, 500.0, False, 0.0),
        ("users_held >= 500 users", "users_held", Form.ABSOLUTE, 500.0, False, 0.0),
        ("users_held rises by 900 %", "users_held", Form.IMPROVEMENT, 9.0, False, 0.0),
        ("users_held falls by at most 10 %", "users_held", Form.NO_REGRESSION, 0.1, True, 0.0),
        ("indexes_created >= 40", "indexes_created", Form.ABSOLUTE, 40.0, False, 0.0),
        ("migration_seconds < 2 min", "migration_seconds", Form.ABSOLUTE, 120.0, True, 0.0),
        ("ready_seconds < 500 ms", "ready_seconds", Form.ABSOLUTE, 0.5, True, 0.0),
        ("ready_seconds rises by at most 50 % and 2 s", "ready_seconds", Form.NO_REGRESSION, 0.5, False, 2.0),
        ("hit_p50 < 5 ms", "hit_p50", Form.ABSOLUTE, 5.0, True, 0.0),
        ("db_ms_per_miss falls by 95 %", "db_ms_per_miss", Form.IMPROVEMENT, 0.95, True, 0.0),
        ("rps falls by at most 3 %", "rps", Form.NO_REGRESSION, 0.03, True, 0.0),
    ],
)
def test_what_a_target_says(text: str, metric: str, form: Form, limit: float, below: bool, floor: float) -> None:
    said = parse_expectation(text)
    assert (said.metric.name, said.form, said.below, said.floor) == (metric, form, below, floor)
    assert said.limit == pytest.approx(limit)


@pytest.mark.parametrize(
    ("text", "value", "allowed"),
    [
        ("p95 < 300 ms", 300.0, True),
        ("p95 < 300 ms", 300.1, False),
        ("users_held >= 500", 500, True),
        ("users_held >= 500", 499, False),
    ],
)
def test_the_limit_itself_is_within_the_limit(text: str, value: float, *, allowed: bool) -> None:
    assert parse_expectation(text).allows(value) is allowed


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("p95 300 ms", "a target looks like"),
        ("", "a target looks like"),
        ("p96 < 300 ms", 'did you mean "p9'),
        ("xyzzy < 3", "known are p50"),
        ("p95 < 300", 'not ""'),
        ("p95 < 300 req/s", 'p95 is given in "ms"'),
        ("p95 < three ms", "a target looks like"),
        ("p95 < -3 ms", "negative"),
        ("p95 < 1.2.3 ms", "not a number"),
        ("cache_hit_rate > 80", 'did you mean "80 %"?'),
        ("p95 falls by 100 %", "nothing falls by 100 %"),
        ("p95 rises by 10 %", "that is a regression"),
        ("rps rises by at most 5 %", "would limit an improvement"),
        ("p95 falls by 10 % and 2 ms", 'goes with "by at most"'),
        ("cache_hit_rate rises by 10 %", "judged by its limit"),
        ("error_rate falls by 96 %", "judged by its limit"),
        ("migration_seconds rises by at most 50 %", "measured once in a run: give it a limit"),
        ("indexes_created rises by 50 %", "measured once in a run: give it a limit"),
        ("users_held falls by 10 %", "that is a regression"),
        ("users_held >= 500 ms", 'no unit or "users"'),
    ],
)
def test_what_is_not_a_target_says_what_would_be(text: str, hint: str) -> None:
    with pytest.raises(ExpectationError) as caught:
        parse_expectation(text)
    assert hint in str(caught.value)


def test_every_metric_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    listed = re.search(r"Metrics: (.*?)\nForms", readme, re.DOTALL)
    assert listed
    named = {name for group in re.findall("`([^`]+)`", listed[1]) for name in group.split()}
    assert named == set(METRICS)
