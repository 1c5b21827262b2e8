"""The registry: each row says how its metric is computed, and what plans and reports may do with it."""

import pytest

from harness.metrics import METRICS, Basis, Metric, Origin, RequestCounts, ShownIn, held_metric, shown_in


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_metric_of_requests_is_computed_in_one_way_and_one_of_processes_names_them(metric: Metric) -> None:
    ways = (metric.quantile, metric.from_latencies, metric.from_counts, metric.header)
    assert sum(way not in {None, ""} for way in ways) == (metric.origin is Origin.REQUESTS)
    assert (metric.process is not None) == (metric.origin is Origin.PROCESSES)


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("searched", "p50 p90 p95 p99 service_p50 service_p95 service_p99 max mean rps error_rate"),
        ("live", "p50 p90 p95 p99 rps error_rate"),
        (
            "alerting",
            "p50 p90 p95 p99 error_rate cache_hit_rate database_cpu service_cpu cache_memory service_memory",
        ),
        ("of_failures", "error_rate"),
    ],
)
def test_what_can_go_by_which_metrics(asked: str, names: str) -> None:
    assert [metric.name for metric in METRICS.values() if getattr(metric, asked)] == names.split()


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (ShownIn.SUMMARY, "p50 p95 p99 service_p95 rps error_rate cache_hit_rate"),
        (ShownIn.RUNS, "p50 p95 p99 rps error_rate cache_hit_rate queries_per_miss users_held rate_held"),
        (ShownIn.BLOCKS, "p50 p95 rps"),
        (ShownIn.PLACEBO, "p50 p95 db_ms_per_request"),
        (ShownIn.STEPS, "p95 rps queries_per_request"),
    ],
)
def test_tables_show_their_metrics(table: ShownIn, names: str) -> None:
    assert [metric.name for metric in shown_in(table)] == names.split()


def test_counts_of_nothing_have_no_rate() -> None:
    nothing, some = RequestCounts(requests=0, failures=0), RequestCounts(requests=10, failures=2, hits=3, seconds=4.0)
    rates = [metric.from_counts for metric in METRICS.values() if metric.from_counts]
    assert [rate(nothing) for rate in rates] == [None] * len(rates)
    assert [rate(some) for rate in rates] == [2.0, 0.2, None]


@pytest.mark.parametrize(
    ("basis", "samples"),
    [(Basis.REQUESTS, 10), (Basis.SUCCESSES, 8), (Basis.LOOKUPS, 5), (Basis.HITS, 3), (Basis.MISSES, 2)],
)
def test_samples_of_each_basis(basis: Basis, samples: int) -> None:
    counts = RequestCounts(requests=10, failures=2, hits=3, lookups=5)
    assert {counts.samples(metric) for metric in METRICS.values() if metric.basis is basis} == {samples}


def test_a_plan_holds_rates_or_users() -> None:
    assert (held_metric(rates=True).name, held_metric(rates=False).name) == ("rate_held", "users_held")
