"""The server settings that a run records. Servers that differ in one of them are different systems under test."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import redis

from harness.probes.access import Connection

V = TypeVar("V")
POSTGRES = (
    # the planner's choice between index and sequential scan
    "random_page_cost",
    "seq_page_cost",
    "cpu_tuple_cost",
    "effective_cache_size",
    "effective_io_concurrency",
    "default_statistics_target",
    "plan_cache_mode",
    "jit",
    "max_parallel_workers_per_gather",
    # memory
    "shared_buffers",
    "work_mem",
    "hash_mem_multiplier",
    "maintenance_work_mem",
    "temp_buffers",
    # WAL and durability
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "wal_compression",
    "max_wal_size",
    "checkpoint_timeout",
    # sessions and background work
    "max_connections",
    "autovacuum",
    "default_transaction_isolation",
    # statistics
    "shared_preload_libraries",
    "track_io_timing",
    "track_functions",
)
REDIS = {"maxmemory": "maxmemory", "maxmemory-policy": "maxmemory_policy"}
"""Fields of INFO by directive of redis.conf; CONFIG GET needs more privileges."""
_CURRENT = "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s) ORDER BY name"


def postgres_settings(connection: Connection, also: Iterable[str] = ()) -> dict[str, str]:
    """Settings of a PostgreSQL server by name, as ``SHOW`` prints them; those that it does not have are left out."""
    rows = connection.execute(_CURRENT.encode(), [[*POSTGRES, *also]]).fetchall()
    return {str(name): str(value) for name, value in rows}


def redis_settings(client: redis.Redis) -> dict[str, str]:
    """Settings of a Redis server by directive; empty if it does not answer this user."""
    try:
        found: dict[str, object] = client.info()
    except (redis.RedisError, OSError):
        return {}
    return {name: str(found[field]) for name, field in REDIS.items() if field in found}


def by_arm(facts: Mapping[str, Mapping[str, V]], arms: int) -> dict[str, V]:
    """Facts of all arms in one mapping: by name if all arms agree, else by ``name, arm``."""
    found: dict[str, V] = {}
    for name in dict.fromkeys(name for of_arm in facts.values() for name in of_arm):
        values = {arm: of_arm[name] for arm, of_arm in facts.items() if name in of_arm}
        if len(values) == arms and len({*values.values()}) == 1:
            found[name] = next(iter(values.values()))
        else:
            found |= {f"{name}, {arm}": value for arm, value in values.items()}
    return found
