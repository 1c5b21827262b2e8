"""What an answer of the optimized release costs its database: one statement, and none once the cache has it."""

from tests.reference.running import Client, RedisServer


def costs_one_statement_and_none_cached(optimized: Client, redis_server: RedisServer, path: str) -> None:
    redis_server.client(2).flushdb()
    first, second = optimized.get(path), optimized.get(path)
    assert [(first.cache, first.queries), (second.cache, second.queries)] == [("miss", 1), ("hit", 0)]
    assert first.status == 200
    assert first.body == second.body
