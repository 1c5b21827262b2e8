"""Faults: planned failures of a server or service under load."""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from harness.plan.environment import LEAST_MEMORY, ComposeName
from harness.plan.stages import PlanTable

_AT = re.compile(r"^(?P<stage>.+?)(?:\s*\+\s*(?P<offset>\d+(?:\.\d+)?)\s*s)?$")


class FaultKind(StrEnum):
    """The kind of a fault."""

    PAUSE = "pause"
    KILL = "kill"
    RESTART = "restart"
    DISCONNECT = "disconnect"
    CPU = "cpu"
    MEMORY = "memory"
    LATENCY = "latency"

    @property
    def needs_container(self) -> bool:
        """Whether it needs a container."""
        return self in {FaultKind.DISCONNECT, FaultKind.CPU, FaultKind.MEMORY, FaultKind.LATENCY}


_SIZES = {
    FaultKind.CPU: ("cpus", " to {} cores", "what is left to it, as in cpus = 0.1"),
    FaultKind.MEMORY: ("memory", " to {}", 'what is left to it, as in memory = "64M"'),
    FaultKind.LATENCY: ("latency_ms", " by {} ms", "how much later all arrives that it sends, as in latency_ms = 200"),
}
"""The required key of some kinds, its form in titles, and its meaning."""


class Fault(PlanTable):
    """A fault of one server or service in every leg, ``seconds`` long.

    ``at`` is a stage and an offset, ``sustain+10 s``; a profile scales the offset, not ``seconds``. ``cpus`` (cores)
    and ``memory`` are the remaining limits of a container, ``latency_ms`` delays everything it sends. ``signal`` is a
    reading of the services' metrics that changes when they detect the fault, ``breaker_open{guards="database"}``.
    """

    at: str
    kind: FaultKind
    service: ComposeName
    seconds: float = Field(default=0.0, ge=0, le=86_400)
    cpus: Annotated[float, Field(ge=0.01, le=1024)] | None = None
    memory: str | None = Field(default=None, pattern=f"(?i){LEAST_MEMORY}")
    latency_ms: Annotated[float, Field(gt=0, le=60_000)] | None = None
    signal: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.seconds and self.kind is not FaultKind.RESTART:
            raise ValueError(f"needs seconds, how long the {self.kind} lasts")
        for kind, (key, _, what) in _SIZES.items():
            given = getattr(self, key) is not None
            if given and self.kind is not kind:
                raise ValueError(f'{key} is for a fault of kind "{kind}", this one is of kind "{self.kind}"')
            if self.kind is kind and not given:
                raise ValueError(f"needs {key}, {what}")
        return self

    @property
    def stage(self) -> str:
        """The title of the stage in which it begins."""
        return self._place["stage"].strip()

    @property
    def offset(self) -> float:
        """Seconds from the beginning of that stage."""
        return float(self._place["offset"] or 0)

    @property
    def _place(self) -> re.Match[str]:
        found = _AT.match(self.at.strip())
        assert found  # noqa: S101 - any text is at least the name of a stage
        return found

    @property
    def title(self) -> str:
        """Its description: ``kill postgres for 10 s``."""
        key, form, _ = _SIZES.get(self.kind, ("kind", "", ""))
        lasts = f" for {self.seconds:g} s" if self.seconds else ""
        return f"{self.kind} {self.service}{form.format(getattr(self, key))}{lasts}"

    def scaled(self, share: float) -> str:
        """``at`` in a stage whose length is multiplied by ``share``."""
        return f"{self.stage}+{self.offset * share:.10g} s" if self.offset else self.stage
