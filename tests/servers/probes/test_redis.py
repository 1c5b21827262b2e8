"""What the probe reads of a real Redis, and what it says where it may not."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from harness.environment.processes import ManagedProcesses
from harness.environment.servers import HOST, NO_RETRY, free_ports, redis_program, wait_until
from harness.probes.access import Cache
from harness.probes.redis import RedisProbe
from harness.record.readings import UnavailableReading

PASSWORD = "password"


@dataclass(frozen=True, slots=True)
class Server:
    """A Redis of which SLOWLOG has another name."""

    port: int

    def client(self, user: str = "default", password: str = PASSWORD) -> redis.Redis:
        return redis.Redis(host=HOST, port=self.port, username=user, password=password, retry=NO_RETRY)

    def cache(self, user: str = "default", password: str = PASSWORD) -> Cache:
        return Cache("redis", lambda: self.client(user, password))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp())
    processes = ManagedProcesses(folder)
    (port,) = free_ports()
    (folder / "redis.conf").write_text(f'requirepass {PASSWORD}\nrename-command SLOWLOG ""\n')
    command = [redis_program(), str(folder / "redis.conf"), "--bind", HOST, "--port", str(port), "--save", ""]
    found = Server(port)
    try:
        process = processes.start("redis", command, folder / "log", cwd=folder, env={})

        def answers() -> bool:
            try:
                with found.client() as client:
                    return bool(client.ping())
            except redis.RedisError:
                return False

        wait_until(answers, process, 60, "PING")
        yield found
    finally:
        processes.close()
        shutil.rmtree(folder, ignore_errors=True)


def read(*caches: Cache, seconds: float = 0.0) -> RedisProbe:
    with RedisProbe(caches) as probe:
        time.sleep(seconds)
    return probe


def test_hits_and_misses_are_those_that_were_made_and_a_renamed_command_is_told(server: Server) -> None:
    with server.client() as client, RedisProbe([server.cache()]) as probe:
        while not probe.rows:
            time.sleep(0.01)
        client.set("a", 1)
        for key in ("a", "a", "b"):
            client.get(key)
    told = {
        name: [value for _, _, one, value in probe.rows if one == name] for name in ("hits", "misses", "used_bytes")
    }
    assert told["hits"][-1] - told["hits"][0] == 2
    assert told["misses"][-1] - told["misses"][0] == 1
    assert min(told["used_bytes"]) > 100_000
    assert {source for _, source, _, _ in probe.rows} == {"server:redis"}
    assert probe.unread == [
        UnavailableReading(
            "redis",
            "slow commands",
            "the server has no SLOWLOG: its configuration renames or removes it",
            "remove rename-command SLOWLOG from its configuration",
        )
    ]
    assert probe.commands == 3  # INFO at the beginning and at the end, and one SLOWLOG


def test_a_user_who_may_not_ask_is_told_how_it_may_and_then_does(server: Server) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "reader", "on", ">secret", "+get", "+hello", "+auth", "~*")
        probe = read(server.cache("reader", "secret"))
        assert probe.rows == []
        asked = {one.what: (one.why, one.fix) for one in probe.unread}
        assert asked["hits, misses and memory"] == ("the user must not send INFO", "ACL SETUSER name +info")
        client.execute_command("ACL", "SETUSER", "reader", "+info")
        assert {name for _, _, name, _ in read(server.cache("reader", "secret")).rows} >= {"hits", "misses"}


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_password_that_is_missing_or_wrong_is_told_and_not_repeated(server: Server, password: str) -> None:
    probe = read(server.cache(password=password))
    assert probe.rows == []
    assert [(one.what, one.why) for one in probe.unread] == [("all counts", "it requires a password")]
    assert "wrong" not in str(probe.unread)


def test_a_server_that_is_away_is_no_error() -> None:
    (port,) = free_ports()
    probe = read(Cache("redis", lambda: redis.Redis(host=HOST, port=port, retry=NO_RETRY)))
    assert probe.rows == []
