"""Settings: the server settings that a run records, one table for every kind of environment.

They decide which plans PostgreSQL chooses, how fast it executes them, how durable its commits are and what it counts,
and what Redis does when its memory is full. Servers that differ in one of them are different systems under test.
"""

from collections.abc import Iterable

import redis

from harness.probes.access import Connection

POSTGRES = (
    # costs from which the planner chooses between an index and a sequential scan
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
    # what the server counts
    "shared_preload_libraries",
    "track_io_timing",
    "track_functions",
)
REDIS = {
    "maxmemory": "maxmemory",
    "maxmemory-policy": "maxmemory_policy",
}
"""Directives of redis.conf by the field of INFO that reports them, which needs fewer rights than CONFIG GET."""
_CURRENT = "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s) ORDER BY name"


def postgres_settings(connection: Connection, also: Iterable[str] = ()) -> dict[str, str]:
    """Settings of a PostgreSQL server by name, those of the table and those of ``also``, as ``SHOW`` prints them.

    What the server does not have in its version, or does not show to the role, is left out.
    """
    rows = connection.execute(_CURRENT.encode(), [[*POSTGRES, *also]]).fetchall()
    return {str(name): str(value) for name, value in rows}


def redis_settings(client: redis.Redis) -> dict[str, str]:
    """Settings of a Redis server by directive; empty where it does not answer, or not to this user."""
    try:
        found: dict[str, object] = client.info()
    except (redis.RedisError, OSError):
        return {}
    return {name: str(found[field]) for name, field in REDIS.items() if field in found}
