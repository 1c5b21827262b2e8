"""Sessions: what the sessions of some databases do and wait for, read ten times a second, summed up once a second."""

from collections import Counter
from collections.abc import Iterable, Iterator

Look = tuple[str | None, str | None, str | None, int]
"""State, wait_event_type, wait_event and number of sessions, a row of ``views.sessions``."""
IN_TRANSACTION = "idle in transaction"


class Sessions:
    """The readings of one second."""

    def __init__(self) -> None:
        self._looks = 0
        self._most = self._most_blocked = 0
        self._states: Counter[str] = Counter()
        self._waits: Counter[str] = Counter()

    def look(self, rows: Iterable[Look]) -> int:
        """Add one sample of the sessions; returns how many wait for a lock."""
        total = blocked = 0
        for state, kind, event, count in rows:
            total += count
            self._states[_named(state)] += count
            if state == "active":
                self._waits[f"{kind}:{event}" if kind else "CPU"] += count
                blocked += count if kind == "Lock" else 0
        self._looks += 1
        self._most, self._most_blocked = max(self._most, total), max(self._most_blocked, blocked)
        return blocked

    def readings(self) -> Iterator[tuple[str, float]]:
        """Means over the samples of a second, except the two maxima.

        ``connections`` is the maximum, ``blocked_sessions`` the maximum that waited for a lock,
        ``connections{state="…"}`` the mean in a state, ``waiting{for="…"}`` the mean with a wait event;
        ``CPU`` counts active sessions without a wait event.
        """
        if self._looks:
            yield "connections", float(self._most)
            yield "blocked_sessions", float(self._most_blocked)
            yield from ((f'connections{{state="{name}"}}', n / self._looks) for name, n in self._states.items())
            yield from ((f'waiting{{for="{name}"}}', n / self._looks) for name, n in self._waits.items())


def _named(state: str | None) -> str:
    return IN_TRANSACTION if (state or "").startswith(IN_TRANSACTION) else state or "unknown"
