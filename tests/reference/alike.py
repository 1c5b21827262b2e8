"""Two releases of a service side by side: the same requests, the same answers."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg
from hypothesis import strategies as st

from tests.reference.running import Client, Postgres, RedisServer

bad_ids = st.sampled_from(["0", "-1", "x", "1.0", "%20", "9223372036854775808", "٣", "1_0"])
limits = st.sampled_from(["?limit=1", "?limit=3", "", "?limit=20"])
bad_limits = st.sampled_from(["?limit=0", "?limit=101", "?limit=", "?limit=ten", "?limit=+5"])
text = st.one_of(st.sampled_from(["a", "Ü\u2028\U0001f600", "'; --", " "]), st.text(max_size=30))
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["title", "tags", "x"]), inner),
    max_leaves=5,
)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: object = None
    token: str | None = None


class Reset:
    """Restores the generated data of a database and empties its cache."""

    def __init__(self, url: str, redis_server: RedisServer, number: int, tables: Sequence[str]) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.redis = redis_server.client(number)
        self.tables = tables
        for table in tables:
            self.connection.execute(f"CREATE TABLE kept_{table} AS TABLE {table}")

    def __call__(self) -> None:
        with self.connection.transaction():
            self.connection.execute("SET LOCAL session_replication_role = replica")  # what is kept needs no checking
            self.connection.execute(f"TRUNCATE {', '.join(self.tables)} RESTART IDENTITY")
            for table in self.tables:
                self.connection.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")
                self.connection.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")
        for (view,) in self.connection.execute("SELECT matviewname FROM pg_matviews").fetchall():
            self.connection.execute(f"REFRESH MATERIALIZED VIEW {view}")
        # What counts events stays: the first event of an empty Redis ends every answer, whatever a write touched.
        for key in self.redis.scan_iter(count=1000):
            if not key.endswith((b":events", b":generation")):
                self.redis.delete(key)


class Alike:
    """``check`` resets both sides, then sends each step to both, and what is watched after each that is no GET.

    What is watched is in the caches before the first step: a stale answer shows at once. It is read after the last
    step too, so that a GET that spoils a cache shows. ``ignored`` names what the servers' own clocks and random
    numbers decide.
    """

    def __init__(
        self, sides: Sequence[Client], resets: Sequence[Reset], watched: Sequence[Request], ignored: Iterable[str]
    ) -> None:
        self.sides, self.resets, self.watched, self.ignored = sides, resets, watched, frozenset(ignored)

    def check(self, steps: Sequence[Request]) -> None:
        for reset in self.resets:
            reset()
        for request in [*self.watched, *self._watching(steps)]:
            before, after = (
                side.send(request.method, request.path, request.body, token=request.token) for side in self.sides
            )
            assert (before.status, self._shown(before.body)) == (after.status, self._shown(after.body)), request
            assert before.status < 500, before.body

    def _watching(self, steps: Sequence[Request]) -> Iterator[Request]:
        for number, step in enumerate(steps, start=1):
            yield step
            if step.method != "GET" or number == len(steps):
                yield from self.watched

    def _shown(self, value: object) -> object:
        if isinstance(value, dict):
            return {name: self._shown(inner) for name, inner in value.items() if name not in self.ignored}
        return [self._shown(inner) for inner in value] if isinstance(value, list) else value


@contextmanager
def side_by_side(
    postgres: Postgres,
    redis_server: RedisServer,
    sides: Sequence[Client],
    module: str,
    tables: Sequence[str],
    watched: Sequence[Request],
    ignored: Iterable[str],
) -> Iterator[Alike]:
    """The ``baseline`` and ``optimized`` of a test module, by the names of their databases."""
    with ExitStack() as stack:
        resets = []
        for number, release in enumerate(("baseline", "optimized"), start=1):
            reset = Reset(postgres.url(f"{release}_{module}"), redis_server, number, tables)
            stack.callback(reset.connection.close)
            resets.append(reset)
        yield Alike(sides, resets, watched, ignored)
