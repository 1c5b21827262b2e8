"""Evidence: what the servers tell of why a service got faster, beside the latency that users saw."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of the causes; what was not looked at is ``None``."""
