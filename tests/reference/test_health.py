"""Health checks and metrics of the services."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.reference import running
from tests.reference.running import Client, Postgres

CLOSED = {"database": "closed", "cache": "closed"}


def samples(client: Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = client.http.get("/metrics").text
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_metrics_count_what_happened(either: Client) -> None:
    before = samples(either)
    first, second, refused = (either.get(path) for path in ("/content/7", "/content/7", "/content/x"))
    after = samples(either)

    def grown(name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return after[key] - before.get(key, 0)

    route = {"route": "/content/{content_id}", "method": "GET"}
    assert refused.status == 422
    assert grown("http_requests_total", **route, status="200") == 2
    assert grown("http_requests_total", **route, status="422") == 1
    assert grown("http_request_seconds_count", **route) == 3
    outcomes = [first.cache, second.cache]
    assert grown("cache_hits_total") == outcomes.count("hit")
    assert grown("cache_misses_total") == outcomes.count("miss")
    assert grown("database_queries_total") == first.queries + second.queries
    assert grown("database_query_seconds_total") >= 0
    assert {"database_pool_size", "database_pool_in_use", "database_pool_waiting"} <= {name for name, _ in after}


def test_the_hit_rate_is_hits_among_look_ups(either: Client) -> None:
    either.get("/content/8")
    either.get("/content/8")
    body = either.get("/metrics/cache").body
    assert isinstance(body, dict)
    assert body["hit_rate"] == body["hits"] / (body["hits"] + body["misses"])
    assert 0 < body["hit_rate"] <= 1


def test_the_pool_keeps_its_size(optimized: Client, baseline: Client) -> None:
    kept, none = (client.get("/health/database").body for client in (optimized, baseline))
    assert isinstance(kept, dict)
    assert 5 <= kept["pool"].pop("size") <= 20
    assert kept == {"status": "up", "pool": {"in_use": 0, "waiting": 0, "limit": 20}, "breakers": CLOSED}
    unbounded = {"size": 0, "in_use": 0, "waiting": 0, "limit": None}
    assert none == {"status": "up", "pool": unbounded, "breakers": CLOSED}


def test_ready_says_what_is_missing(postgres: Postgres, seeded: str, tmp_path: Path) -> None:
    with (
        running.redis_server(tmp_path) as redis,
        running.service("recommendation", "optimized", postgres.url(seeded), redis.url()) as client,
    ):
        assert client.get("/health/live").status == 200
        redis.process.terminate()
        redis.process.wait(60)
        answer = client.get("/health/ready")
        assert (answer.status, answer.body) == (
            503,
            {"status": "not ready", "checks": {"database": True, "cache": False, "warm": True}},
        )
        assert client.get("/health/live").status == 200
