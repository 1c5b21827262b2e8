"""Workers on other machines: the offset of their monotonic clocks, by arithmetic, and addresses of services."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

ROUNDS = 20
"""Pings of one estimate; the fastest counts."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One ping, times in ns: sent and answered on the worker's clock, received and returned on the master's."""

    sent: int
    received: int
    returned: int
    answered: int

    @property
    def offset_ns(self) -> float:
        """Master's clock minus worker's, exact when both ways took equally long."""
        return (self.received - self.sent + self.returned - self.answered) / 2

    @property
    def round_trip_ns(self) -> int:
        return self.answered - self.sent - (self.returned - self.received)


@dataclass(frozen=True, slots=True)
class Offset:
    """Master's clock minus worker's in ns, known to ``uncertainty_ns``."""

    ns: int
    uncertainty_ns: int


def estimate(exchanges: Sequence[Exchange]) -> Offset:
    """The offset from the exchange with the shortest round trip; its error is at most half that round trip.

    Source: Mills, RFC 5905, section 8 (offset and delay) and section 10 (the sample of least delay is taken).
    """
    best = min(exchanges, key=lambda exchange: exchange.round_trip_ns)
    return Offset(round(best.offset_ns), -(-best.round_trip_ns // 2))


def reachable(url: str, master: str) -> str:
    """A base URL on this machine: the loopback of a remote master becomes the master's address."""
    parts = urlsplit(url)
    if _loopback(master) or not _loopback(parts.hostname or ""):
        return url
    host = f"[{master}]" if ":" in master else master
    return urlunsplit(parts._replace(netloc=host if parts.port is None else f"{host}:{parts.port}"))


def _loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")
