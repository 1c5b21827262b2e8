"""Cache keys: lookups and misses of a cache by key pattern."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_VARYING = re.compile(r"\d+|[0-9a-fA-F-]{16,}|(?=[^:/]*\d)[\w.+=~-]{12,}|[\w.+=~-]{24,}")
_PARTS = re.compile(r"[:/|]")
READS = frozenset(
    {"GET", "MGET", "GETEX", "GETDEL", "GETRANGE", "STRLEN", "EXISTS", "HGET", "HMGET", "HGETALL", "HEXISTS", "LRANGE"}
    | {"LINDEX", "LLEN", "SMEMBERS", "SISMEMBER", "SCARD", "ZRANGE", "ZREVRANGE", "ZSCORE", "ZRANK", "ZCARD"}
)
MANY = frozenset({"MGET", "EXISTS", "DEL", "UNLINK"})
"""Commands whose arguments are all keys."""
WRITES = frozenset(
    {"SET", "SETEX", "PSETEX", "SETNX", "GETSET", "APPEND", "INCR", "INCRBY", "DECR", "DECRBY", "HSET", "HMSET"}
    | {"HINCRBY", "LPUSH", "RPUSH", "SADD", "ZADD", "ZINCRBY", "SETRANGE"}
)
PAIRS = frozenset({"MSET", "MSETNX"})
REMOVALS = frozenset({"DEL", "UNLINK", "GETDEL"})
CLEARINGS = frozenset({"FLUSHDB", "FLUSHALL"})
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class KeyUse:
    """Lookups and misses of the keys of one pattern."""

    pattern: str
    reads: int
    misses: int


def pattern_of(key: str) -> str:
    """A key with ``*`` for numbers, digests and tokens: ``rec:user:42:interests`` becomes ``rec:user:*:interests``."""
    marks = _PARTS.findall(key)
    parts = ["*" if _VARYING.fullmatch(part) else part for part in _PARTS.split(key)]
    return "".join(part + mark for part, mark in zip(parts, [*marks, ""], strict=True))


class KeyTracker:
    """Follows the commands of a cache from a known set of keys, and counts lookups and misses.

    A key exists from its first write until it is removed; expiry is ignored. A key belongs to one database number.
    """

    def __init__(self, there: Iterable[tuple[int, str]]) -> None:
        self._there = set(there)
        self._uses: dict[str, list[int]] = {}

    def take(self, database: int, command: Sequence[str]) -> None:
        name, *arguments = command or [""]
        name = name.upper()
        if name in CLEARINGS:
            self._there = {key for key in self._there if name == "FLUSHDB" and key[0] != database}
        if not arguments:
            return
        keys = arguments if name in MANY else arguments[::2] if name in PAIRS else arguments[:1]
        for key in keys:
            place = database, key
            if name in READS:
                use = self._uses.setdefault(pattern_of(key), [0, 0])
                use[0] += 1
                use[1] += place not in self._there
            if name in WRITES | PAIRS:
                self._there.add(place)
            elif name in REMOVALS:
                self._there.discard(place)

    def uses(self, most: int = 30) -> tuple[KeyUse, ...]:
        """The patterns with most misses first; those beyond ``most`` are added up as ``others``."""
        found = sorted((KeyUse(pattern, *use) for pattern, use in self._uses.items()), key=_rank)
        rest = found[most:]
        others = KeyUse(OTHERS, sum(use.reads for use in rest), sum(use.misses for use in rest))
        return (*found[:most], *([others] if rest else []))


def _rank(use: KeyUse) -> tuple[int, int, str]:
    return -use.misses, -use.reads, use.pattern
