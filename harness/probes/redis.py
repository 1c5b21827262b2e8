"""Redis: what each cache of a leg counts while it is under load, once a second.

Its counts rise from when the server began, or since somebody reset them. Nothing is changed. A server that does not
let itself be asked is told in ``unread``, with what would have it told.
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import redis
from redis.exceptions import NoPermissionError

from harness.evidence.unread import Unread
from harness.probes.access import Cache
from harness.probes.reader import Probe, Row, beats
from harness.readings import CACHE, SERVER

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

    ``commands`` is how many the servers were sent for it.
    """

    def __init__(self, caches: Sequence[Cache]) -> None:
        runs = {f"cache {number} {cache.name}": partial(self._run, cache) for number, cache in enumerate(caches, 1)}
        super().__init__(runs, PATIENCE_SECONDS)
        self.commands = 0

    def _run(self, cache: Cache) -> None:
        asked = _Asked(cache)
        for _ in beats(self._done, EVERY_SECONDS):
            self.rows += asked.read()
            if asked.hopeless:
                break
        else:  # once more at the end
            self.rows += asked.read()
        asked.close()
        self.unread += asked.unread
        self.commands += asked.commands


class _Asked:
    """One server, and which of the commands it still answers."""

    def __init__(self, cache: Cache) -> None:
        self.unread: list[Unread] = []
        self.commands = 0
        self._name = cache.name
        self._source = f"{SERVER}{CACHE}" if cache.name == CACHE else f"{SERVER}{CACHE}/{cache.name}"
        self._connect = cache.connect
        self._client: redis.Redis | None = None
        self._ways = {"INFO": self._info, "SLOWLOG": self._slowlog}

    @property
    def hopeless(self) -> bool:
        """Whether nothing is left that it would answer."""
        return not self._ways

    def read(self) -> list[Row]:
        """What it tells now; nothing while it is away."""
        found: list[Row] = []
        at_ns = time.time_ns()
        for command, ask in [*self._ways.items()]:
            self.commands += 1
            try:
                self._client = self._client or self._connect()
                told = ask(self._client)
            except redis.AuthenticationError:
                return self._locked_out(found)
            except redis.ResponseError as error:
                if str(error).startswith(LOCKED):
                    return self._locked_out(found)
                del self._ways[command]
                self.unread.append(_refusal(self._name, command, error))
            except (redis.RedisError, OSError):
                return found  # away: the environment or the load notices
            else:
                found += [(at_ns, self._source, name, value) for name, value in told.items()]
        return found

    def _locked_out(self, found: list[Row]) -> list[Row]:
        self._ways.clear()
        fix = "give its password to the plan, or mend it there"
        self.unread.append(Unread(self._name, "all counts", "it asks for a password", fix))
        return found

    def close(self) -> None:
        """Leave it."""
        if self._client is not None:
            self._client.close()

    def _info(self, client: redis.Redis) -> dict[str, float]:
        info: Mapping[str, Any] = client.info()
        return {name: float(info[field]) for field, name in COUNTS.items() if field in info}

    def _slowlog(self, client: redis.Redis) -> dict[str, float]:
        return {"slow_commands": float(client.slowlog_len())}


def _refusal(name: str, command: str, error: redis.RedisError) -> Unread:
    what = {"INFO": "hits, misses and memory", "SLOWLOG": "slow commands"}[command]
    if isinstance(error, NoPermissionError):
        allow = {"INFO": "+info", "SLOWLOG": "+slowlog|len"}[command]
        return Unread(name, what, f"the user may not send {command}", f"ACL SETUSER name {allow}")
    why = f"the server knows no {command}: it was renamed or taken away"
    return Unread(name, what, why, f"leave rename-command {command} out of its configuration")
