"""States and wait events of sessions, sampled ten times a second, summarised once a second."""

from collections import Counter
from collections.abc import Iterable, Iterator

SessionCount = tuple[str | None, str | None, str | None, int]
"""A row of ``views.sessions``: state, wait_event_type, wait_event, number of sessions."""
IN_TRANSACTION = "idle in transaction"


class Sessions:
    """The samples of one second."""

    def __init__(self) -> None:
        self._samples = 0
        self._max = self._max_blocked = 0
        self._states: Counter[str] = Counter()
        self._waits: Counter[str] = Counter()

    def add(self, rows: Iterable[SessionCount]) -> int:
        """Add one sample of the sessions; returns how many wait for a lock."""
        total = blocked = 0
        for state, kind, event, count in rows:
            total += count
            self._states[_named(state)] += count
            if state == "active":
                self._waits[f"{kind}:{event}" if kind else "CPU"] += count
                blocked += count if kind == "Lock" else 0
        self._samples += 1
        self._max, self._max_blocked = max(self._max, total), max(self._max_blocked, blocked)
        return blocked

    def readings(self) -> Iterator[tuple[str, float]]:
        """Means over the samples of a second, except the two maxima.

        ``connections`` is the maximum, ``blocked_sessions`` the maximum that waited for a lock,
        ``connections{state="…"}`` the mean in a state, ``waiting{for="…"}`` the mean with a wait event;
        ``CPU`` counts active sessions without a wait event.
        """
        if self._samples:
            yield "connections", float(self._max)
            yield "blocked_sessions", float(self._max_blocked)
            yield from ((f'connections{{state="{name}"}}', n / self._samples) for name, n in self._states.items())
            yield from ((f'waiting{{for="{name}"}}', n / self._samples) for name, n in self._waits.items())


def _named(state: str | None) -> str:
    return IN_TRANSACTION if (state or "").startswith(IN_TRANSACTION) else state or "unknown"
