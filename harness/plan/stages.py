"""Stages: parts of the load, closed-loop (users) or open-loop (arrivals per second), and profiles that scale them."""

import math
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Users = Annotated[int, Field(ge=1, le=1_000_000)]
Rate = Annotated[float, Field(gt=0, le=1_000_000)]
QUEUE_SECONDS = 10
"""Default concurrency limit of an open-loop stage, in seconds of its arrivals."""
MIN_CONCURRENCY, MAX_CONCURRENCY = 10, 100_000
SLOWEST_CLIMB = 0.01
"""Users per second, the slowest ramp of Locust."""


class PlanTable(BaseModel):
    """A frozen table of a plan; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class StageKind(StrEnum):
    """The purpose of a stage."""

    RAMP = "ramp"
    PEAK = "peak"
    SUSTAIN = "sustain"
    STRESS = "stress"
    ENDURANCE = "endurance"


class Search(PlanTable):
    """How a stress stage finds the highest arrival rate that meets the limits of ``[capacity]``.

    Each try lasts ``settle_seconds``, which do not count, and ``try_seconds``. Rates double from ``from`` until one
    misses a limit or ``to`` is held, then the geometric mean of the bracket is tried until it is as narrow as
    ``precision``. With ``confirm`` a rate misses only when it does so twice.
    """

    from_: Rate = Field(alias="from")
    to: Rate
    try_seconds: Seconds = 8.0
    settle_seconds: float = Field(default=2.0, ge=0, le=3600)
    precision: float = Field(default=0.05, ge=0.01, le=1)
    confirm: bool = True

    @field_validator("precision", mode="before")
    @classmethod
    def _in_percent(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        number = value.strip().removesuffix("%").strip()
        try:
            return float(number) / 100 if value.strip().endswith("%") else float(number)
        except ValueError:
            raise ValueError(f'"{value}" is no share; say how near is near enough, as in "5 %"') from None

    @model_validator(mode="after")
    def _upwards(self) -> Self:
        if self.from_ >= self.to:
            raise ValueError(f"from ({self.from_:g}) has to be less than to ({self.to:g}), the most that is tried")
        return self

    @property
    def seconds(self) -> float:
        """The length of one try, without the wait for last responses."""
        return self.settle_seconds + self.try_seconds


class Stage(PlanTable):
    """A part of the load. A ramp climbs linearly over its whole length, other kinds over ``ramp_seconds``.

    With ``rate``, arrivals per second, the stage is open-loop: each arrival is a task of a free user, and ``users``
    limits the concurrency. With a ``search``, ``rate`` is the highest rate to try, and ``seconds`` the time limit.
    """

    kind: StageKind
    seconds: Seconds
    users: Users
    rate: Rate | None = None
    name: str = Field(default="", max_length=60)
    ramp_seconds: float = Field(default=0.0, ge=0)
    warmup_seconds: float = Field(default=0.0, ge=0)
    search: Search | None = None

    @model_validator(mode="before")
    @classmethod
    def _most_at_work(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(search := data.get("search"), dict):
            data = {"rate": search.get("to", 1.0)} | data
        if not isinstance(data, dict) or "users" in data:
            return data
        rate = data.get("rate")
        if rate is None:
            raise ValueError("needs users, or rate (arrivals per second)")
        known = isinstance(rate, (int, float)) and 0 < rate < math.inf
        most = math.ceil(rate * QUEUE_SECONDS) if known else MIN_CONCURRENCY
        return {**data, "users": min(max(most, MIN_CONCURRENCY), MAX_CONCURRENCY)}

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
        return self if self.search is None else self._searches(self.search)

    def _searches(self, search: Search) -> Self:
        if self.kind is not StageKind.STRESS:
            raise ValueError(f'search: only a stage of kind "stress" has one, this is of kind "{self.kind}"')
        if self.rate != search.to:
            raise ValueError("rate: a search tries rates up to its to; leave rate out")
        if self.ramp_seconds or self.warmup_seconds:
            raise ValueError("a search has settle_seconds for each try; leave ramp_seconds and warmup_seconds out")
        if self.seconds < 2 * search.seconds:
            shortest = math.ceil(2 * search.seconds)
            raise ValueError(f"seconds ({self.seconds:g}) leave no time for two tries; say {shortest} or more")
        return self

    @property
    def title(self) -> str:
        """The name by which targets refer to the stage."""
        return self.name or self.kind.value

    @property
    def load(self) -> float:
        """Arrivals per second, or users."""
        return float(self.users) if self.rate is None else self.rate

    @property
    def climb_seconds(self) -> float:
        """The time to reach its load."""
        return self.seconds if self.kind is StageKind.RAMP else self.ramp_seconds


class Profile(PlanTable):
    """Scales time, blocks and the corpus of a plan, never targets.

    A stage lasts ``time`` times its seconds, rounded, but at least ``least_seconds`` or its original length; ramps at
    least ``least_ramp_seconds`` where given. ``ramp_seconds`` and ``warmup_seconds`` keep their share. ``answers`` are
    the requests of [answers].
    """

    time: float = Field(default=1.0, gt=0, le=10)
    least_seconds: int = Field(default=5, ge=1, le=86_400)
    least_ramp_seconds: int | None = Field(default=None, ge=1, le=86_400)
    blocks: int | None = Field(default=None, ge=1, le=100)
    answers: int | None = Field(default=None, ge=1, le=20_000)

    def times_of(self, stage: Stage) -> dict[str, float]:
        """The scaled times of a stage, by field."""
        least = self.least_seconds
        if stage.kind is StageKind.RAMP and self.least_ramp_seconds is not None:
            least = self.least_ramp_seconds
        seconds = max(float(round(stage.seconds * self.time)), min(stage.seconds, float(least)))
        share = seconds / stage.seconds
        return {
            "seconds": seconds,
            "ramp_seconds": max(stage.ramp_seconds * share, 1.0) if stage.ramp_seconds else 0.0,
            "warmup_seconds": stage.warmup_seconds * share,
        }
