"""Redis: the counters of each cache of a leg under load, once a second.

Counters start with the server, or at CONFIG RESETSTAT. The probe changes nothing. A server that refuses its commands is
in ``unread``, with what to do about it.
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import redis
from redis.exceptions import NoPermissionError

from harness.probes.access import Cache
from harness.probes.reader import Probe, Row, beats
from harness.record.readings import CACHE, SERVER, UnavailableReading

EVERY_SECONDS = 1.0
PATIENCE_SECONDS = 10.0
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
"""The fields of INFO that are read, and the readings they become."""
LOCKED = ("NOAUTH", "WRONGPASS")


class RedisProbe(Probe):
    """Reads from the start of its block to the end. ``rows`` are ``(wall-clock ns, source, name, value)``.

    ``commands`` is the number of commands that the probe sent.
    """

    def __init__(self, caches: Sequence[Cache]) -> None:
        runs = {f"cache {number} {cache.name}": partial(self._run, cache) for number, cache in enumerate(caches, 1)}
        super().__init__(runs, PATIENCE_SECONDS)
        self.commands = 0

    def _run(self, cache: Cache) -> None:
        server = _Server(cache)
        for _ in beats(self._done, EVERY_SECONDS):
            self.rows += server.read()
            if server.refuses_all:
                break
        else:  # once more at the end
            self.rows += server.read()
        server.close()
        self.unread += server.unread
        self.commands += server.commands


class _Server:
    """One server, and the commands that it does not refuse."""

    def __init__(self, cache: Cache) -> None:
        self.unread: list[UnavailableReading] = []
        self.commands = 0
        self._name = cache.name
        self._source = f"{SERVER}{CACHE}" if cache.name == CACHE else f"{SERVER}{CACHE}/{cache.name}"
        self._connect = cache.connect
        self._client: redis.Redis | None = None
        self._commands = {"INFO": self._info, "SLOWLOG": self._slowlog}

    @property
    def refuses_all(self) -> bool:
        """Whether it refuses every command."""
        return not self._commands

    def read(self) -> list[Row]:
        """The rows of this moment; empty while it does not answer."""
        found: list[Row] = []
        at_ns = time.time_ns()
        for command, ask in [*self._commands.items()]:
            self.commands += 1
            try:
                self._client = self._client or self._connect()
                values = ask(self._client)
            except redis.AuthenticationError:
                return self._locked_out(found)
            except redis.ResponseError as error:
                if str(error).startswith(LOCKED):
                    return self._locked_out(found)
                del self._commands[command]
                self.unread.append(_refusal(self._name, command, error))
            except (redis.RedisError, OSError):
                return found  # away: the environment or the load notices
            else:
                found += [(at_ns, self._source, name, value) for name, value in values.items()]
        return found

    def _locked_out(self, found: list[Row]) -> list[Row]:
        self._commands.clear()
        fix = "give its password to the plan, or mend it there"
        self.unread.append(UnavailableReading(self._name, "all counts", "it asks for a password", fix))
        return found

    def close(self) -> None:
        """Close the connection."""
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
        return UnavailableReading(name, what, f"the user may not send {command}", f"ACL SETUSER name {allow}")
    why = f"the server knows no {command}: it was renamed or taken away"
    return UnavailableReading(name, what, why, f"leave rename-command {command} out of its configuration")
