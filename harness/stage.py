"""Stage: a stretch of load, closed (users) or open (arrivals per second), as a plan says it."""

import math
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Users = Annotated[int, Field(ge=1, le=1_000_000)]
Rate = Annotated[float, Field(gt=0, le=1_000_000)]
QUEUE_SECONDS = 10
"""By default an open stage may have so many seconds of its arrivals at work at once."""
FEWEST_AT_WORK, MOST_AT_WORK = 10, 100_000
SLOWEST_CLIMB = 0.01
"""Users per second; Locust's ramps know no slower ones."""


class Part(BaseModel):
    """A part of a plan: frozen, and nothing in it that nobody asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class StageKind(StrEnum):
    """What a stretch of load is for."""

    RAMP = "ramp"
    PEAK = "peak"
    SUSTAIN = "sustain"
    STRESS = "stress"
    ENDURANCE = "endurance"


class Stage(Part):
    """A stretch of load. A ramp goes to its users or rate linearly over all of it, other kinds over ``ramp_seconds``.

    With ``rate``, arrivals per second, the stage is open: each arrival is a task that some free user does, whether or
    not earlier ones are done. ``users`` is then the most that may be at work at once.
    """

    kind: StageKind
    seconds: Seconds
    users: Users
    rate: Rate | None = None
    name: str = Field(default="", max_length=60)
    ramp_seconds: float = Field(default=0.0, ge=0)
    warmup_seconds: float = Field(default=0.0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _most_at_work(cls, data: object) -> object:
        if not isinstance(data, dict) or "users" in data:
            return data
        rate = data.get("rate")
        if rate is None:
            raise ValueError("needs users, or rate (arrivals per second)")
        known = isinstance(rate, (int, float)) and 0 < rate < math.inf
        most = math.ceil(rate * QUEUE_SECONDS) if known else FEWEST_AT_WORK
        return {**data, "users": min(max(most, FEWEST_AT_WORK), MOST_AT_WORK)}

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.ramp_seconds > self.seconds:
            raise ValueError(f"ramp_seconds ({self.ramp_seconds:g}) is longer than the stage ({self.seconds:g})")
        if 0 < self.ramp_seconds < 1:
            raise ValueError(f"ramp_seconds ({self.ramp_seconds:g}) is a jump, the load moves once a second; say 0")
        if self.warmup_seconds >= self.seconds:
            raise ValueError(f"warmup_seconds ({self.warmup_seconds:g}) leaves nothing of the stage ({self.seconds:g})")
        if self.seconds != int(self.seconds):
            raise ValueError("seconds must be a whole number: the load changes on the second")
        return self

    @property
    def title(self) -> str:
        """The name by which targets refer to the stage."""
        return self.name or self.kind.value

    @property
    def load(self) -> float:
        """What the stage goes to: arrivals per second, or users."""
        return float(self.users) if self.rate is None else self.rate

    @property
    def climb_seconds(self) -> float:
        """How long the stage takes to reach its load."""
        return self.seconds if self.kind is StageKind.RAMP else self.ramp_seconds
