"""Response headers as caches and middlewares send them, read alike from raw fields and from each client."""

import pytest
from geventhttpclient.header import Headers
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPHeaderDict

from harness.generator.http.response_headers import CACHES, reported_headers, reported_in

Fields = list[tuple[str, str]]


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ([("X-Cache", "hit")], "hit"),
        ([("x-cache", "MISS")], "miss"),
        ([("X-Cache", "HIT from proxy.example:3128")], "hit"),  # Squid
        ([("X-Cache", "Hit from cloudfront")], "hit"),
        ([("X-Cache", "RefreshHit from cloudfront")], "hit"),
        ([("X-Cache", "Miss from cloudfront")], "miss"),
        ([("X-Cache", "Error from cloudfront")], None),
        ([("X-Cache", "MISS, HIT")], "hit"),  # Fastly: the edge has it
        ([("X-Cache", "MISS"), ("X-Cache", "HIT")], "hit"),  # the same list in two fields
        ([("X-Cache", "TCP_MISS")], "miss"),
        ([("X-Cache-Status", "EXPIRED")], "miss"),  # nginx
        ([("X-Cache-Status", "STALE")], "hit"),
        ([("X-Cache-Status", "BYPASS")], "bypass"),
        ([("CF-Cache-Status", "DYNAMIC")], "bypass"),  # Cloudflare: not eligible for the cache
        ([("CF-Cache-Status", "REVALIDATED")], "hit"),
        ([("Cache-Status", "ExampleCache; hit; ttl=376")], "hit"),  # RFC 9211, 2.7
        ([("Cache-Status", "ExampleCache; fwd=uri-miss; stored")], "miss"),
        ([("Cache-Status", "OriginCache; hit; ttl=1100, CDN; fwd=uri-miss")], "hit"),
        ([("Cache-Status", "ExampleCache; fwd=bypass")], "bypass"),
        ([("Cache-Status", "ExampleCache; hit=?0; fwd=stale")], "miss"),
        ([("Cache-Status", "hit-counter; detail=hits")], None),
        ([("Cache-Status", "Local; fwd=miss"), ("X-Cache", "HIT")], "miss"),  # the standard comes first
        ([("X-Cache", "warm"), ("CF-Cache-Status", "HIT")], "hit"),
        ([("X-Cache", "")], None),
        ([("X-Cache", "hitting, é")], None),
        ([("Content-Type", "hit")], None),
        ([], None),
    ],
)
def test_cache_results_in_the_wild(fields: Fields, result: str | None) -> None:
    assert {CACHES[found[0]] if found[0] >= 0 else None for found in reported(fields)} == {result}


@pytest.mark.parametrize(
    ("timings", "queries", "db_ms"),
    [
        (['db;dur=2.5;desc="3 queries"', "app;dur=3.1"], 3, 2.5),
        (["app;dur=3.1", 'db;dur=2.5;desc="3 queries"'], 3, 2.5),
        (['app;dur=3.1, db;desc="3 queries"'], 3, -1.0),
        (["cache;desc=hit", "total;dur=9"], -1, -1.0),
    ],
)
def test_server_timing_in_several_fields(timings: list[str], queries: int, db_ms: float) -> None:
    found = reported([("Server-Timing", timing) for timing in timings])
    assert {each[1:] for each in found} == {(queries, db_ms)}


def reported(fields: Fields) -> list[tuple[int, int, float]]:
    """The values read from raw fields, and from the headers of FastHttpUser and of the product's own client."""
    fast, own = Headers(fields), HTTPHeaderDict(fields)
    joined = CaseInsensitiveDict({name: ", ".join(own.getlist(name)) for name in own})  # HttpUser: requests joins them
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    return [reported_in(raw), *map(reported_headers, (fast, own, joined))]
