"""The counters of each Redis server of a leg, once a second.

Counters start with the server or at CONFIG RESETSTAT. The probe changes nothing. Refused commands are in ``unread``,
with what to do.
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import redis
from redis.exceptions import NoPermissionError

from harness.probes.access import Cache
from harness.probes.reader import Probe, Row, ticks
from harness.record.readings import CACHE, SERVER, UnavailableReading

INTERVAL_SECONDS = 1.0
JOIN_SECONDS = 10.0
COUNTS = {
    "keyspace_hits": "hits",
    "keyspace_misses": "misses",
    "used_memory": "used_bytes",
    "maxmemory": "limit_bytes",
    "evicted_keys": "evicted_keys",
    "expired_keys": "expired_keys",
    "total_commands_processed": "commands",
    "connected_clients": "clients",
    "rejected_connections": "rejected_connections",
    "used_cpu_user": "cpu_user_seconds",
    "used_cpu_sys": "cpu_system_seconds",
}
"""Names of readings by field of INFO."""
NEEDS_PASSWORD = ("NOAUTH", "WRONGPASS")


class RedisProbe(Probe):
    """``commands`` is the number of commands that the probe sent."""

    def __init__(self, caches: Sequence[Cache]) -> None:
        runs = {f"cache {number} {cache.name}": partial(self._run, cache) for number, cache in enumerate(caches, 1)}
        super().__init__(runs, JOIN_SECONDS)
        self.commands = 0

    def _run(self, cache: Cache) -> None:
        server = _Server(cache)
        for _ in ticks(self._done, INTERVAL_SECONDS):
            self.rows += server.read()
            if not server.accepted:
                break
        else:  # once more at the end
            self.rows += server.read()
        server.close()
        self.unread += server.unread
        self.commands += server.commands


class _Server:
    """One server, and the commands that it has not refused."""

    def __init__(self, cache: Cache) -> None:
        self.unread: list[UnavailableReading] = []
        self.commands = 0
        self._name = cache.name
        self._source = f"{SERVER}{CACHE}" if cache.name == CACHE else f"{SERVER}{CACHE}/{cache.name}"
        self._connect = cache.connect
        self._client: redis.Redis | None = None
        self.accepted = {"INFO": self._info, "SLOWLOG": self._slowlog}

    def read(self) -> list[Row]:
        """The rows of this moment; empty if the server does not answer."""
        found: list[Row] = []
        at_ns = time.time_ns()
        for command, read in [*self.accepted.items()]:
            self.commands += 1
            try:
                self._client = self._client or self._connect()
                values = read(self._client)
            except (redis.AuthenticationError, redis.ResponseError) as error:
                if isinstance(error, redis.AuthenticationError) or str(error).startswith(NEEDS_PASSWORD):
                    self.accepted.clear()
                    fix = "set or correct its password in the plan"
                    self.unread.append(UnavailableReading(self._name, "all counts", "it requires a password", fix))
                    return found
                del self.accepted[command]
                self.unread.append(_refusal(self._name, command, error))
            except (redis.RedisError, OSError):
                return found  # the environment's check reports it
            else:
                found += [(at_ns, self._source, name, value) for name, value in values.items()]
        return found

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _info(self, client: redis.Redis) -> dict[str, float]:
        info: Mapping[str, Any] = client.info()
        return {name: float(info[field]) for field, name in COUNTS.items() if field in info}

    def _slowlog(self, client: redis.Redis) -> dict[str, float]:
        return {"slow_commands": float(client.slowlog_len())}


def _refusal(name: str, command: str, error: redis.RedisError) -> UnavailableReading:
    what = {"INFO": "hits, misses and memory", "SLOWLOG": "slow commands"}[command]
    if isinstance(error, NoPermissionError):
        allow = {"INFO": "+info", "SLOWLOG": "+slowlog|len"}[command]
        return UnavailableReading(name, what, f"the user must not send {command}", f"ACL SETUSER name {allow}")
    why = f"the server has no {command}: its configuration renames or removes it"
    return UnavailableReading(name, what, why, f"remove rename-command {command} from its configuration")
