"""Clock: how far another machine's monotonic clock is from ours. Arithmetic on exchanged times; no clock inside."""

from collections.abc import Sequence
from dataclasses import dataclass

ROUNDS = 20
"""Pings of one estimate; the best of them counts."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One ping in ns: sent and answered on the worker's clock, received and sent back on the master's."""

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
        """How long the ping was on its way, there and back."""
        return self.answered - self.sent - (self.returned - self.received)


@dataclass(frozen=True, slots=True)
class Offset:
    """Master's clock minus worker's in ns; the true one is within ``uncertainty_ns`` of it."""

    ns: int
    uncertainty_ns: int


def estimate(exchanges: Sequence[Exchange]) -> Offset:
    """The offset by the exchange with the shortest round trip.

    Whatever the two ways took, the error is at most half the round trip. Source: Mills, RFC 5905, section 8 (offset and
    delay) and section 10 (the sample of least delay is taken).
    """
    best = min(exchanges, key=lambda exchange: exchange.round_trip_ns)
    return Offset(round(best.offset_ns), -(-best.round_trip_ns // 2))
