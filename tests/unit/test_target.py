import pytest

from harness.target import ExpectationError, Form, parse_expectation


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
        ("rps falls by at most 3 %", "rps", Form.NO_REGRESSION, 0.03, True, 0.0),
    ],
)
def test_what_a_target_says(text: str, metric: str, form: Form, limit: float, below: bool, floor: float) -> None:
    said = parse_expectation(text)
    assert (said.metric.name, said.form, said.below, said.floor) == (metric, form, below, floor)
    assert said.limit == pytest.approx(limit)


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
    ],
)
def test_what_is_not_a_target_says_what_would_be(text: str, hint: str) -> None:
    with pytest.raises(ExpectationError) as caught:
        parse_expectation(text)
    assert hint in str(caught.value)
