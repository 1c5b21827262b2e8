"""Plan: the tables of a plan file as frozen values. ``file`` parses them."""

from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, PrivateAttr, field_validator

from harness.metrics import ShownIn, shown_in
from harness.plan.aborts import Abort
from harness.plan.alerts import DEFAULTS, Alert
from harness.plan.answers import Corpus
from harness.plan.environment import AnyKind, Compose, ComposeName, Core, External, Local, ServiceName, Url
from harness.plan.expectation import Expectation, parse_expectation
from harness.plan.faults import Fault
from harness.plan.judgement import Judgement
from harness.plan.migration import MigrationTable
from harness.plan.readings import Gauges, Tags, Vocabulary
from harness.plan.stages import PlanTable, Profile, Seconds, Stage, StageKind
from harness.plan.targets import Capacity, Claim, Target

S = TypeVar("S", Local, Compose, External)
SCHEMA = 1
ARMS = ("before", "after")
CONTROL, PLACEBO = "control", "placebo"
MIGRATED = "migrated"
"""The arm between before and after: migrated databases, old release."""
COPIES = (CONTROL, PLACEBO)
"""Copies of before; the placebo has its tables vacuumed and analysed first."""


class Arm(PlanTable):
    """One side of the comparison: a database revision and a release of the application.

    ``profiles`` and ``start`` are for Compose; ``url``, or ``urls`` of services by name, ``postgres`` and ``redis`` are
    addresses of an external system.
    """

    revision: str | None = None
    env: dict[str, str] = Field(default={})
    profiles: tuple[str, ...] = ()
    start: tuple[ComposeName, ...] = ()
    url: Url | None = None
    urls: dict[ServiceName, Url] = Field(default={})
    postgres: str | None = Field(default=None, min_length=1)
    redis: str | None = Field(default=None, min_length=1)


class Step(PlanTable):
    """One step between before and after: its changes to the arm before it."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    revision: str | None = None
    env: dict[str, str] = Field(default={})

    def applied_to(self, arm: Arm) -> Arm:
        """The arm after this step: ``env`` is overlaid, ``revision`` replaced when given."""
        return arm.model_copy(update={"revision": self.revision or arm.revision, "env": arm.env | self.env})


class Chain(PlanTable):
    """The steps from before to after in order, and where and by which metrics they are compared."""

    steps: tuple[Step, ...] = Field(min_length=2)
    stage: str | None = None
    endpoint: str | None = None
    metrics: tuple[str, ...] = Field(default=tuple(metric.name for metric in shown_in(ShownIn.STEPS)), min_length=1)


class Load(PlanTable):
    """The users, processes, blocks and random seed of the load. ``cores`` pins the processes."""

    users: tuple[str, ...] = Field(min_length=1)
    processes: int = Field(default=1, ge=1, le=256)
    blocks: int = Field(default=8, ge=1, le=100)
    seed: int = Field(default=7, ge=0, lt=2**32)
    arrivals: Literal["poisson", "uniform"] | None = None
    cores: tuple[Core, ...] = ()
    stop_seconds: Seconds = 65.0


class Plan(PlanTable):
    """What to run, as written or scaled by a profile.

    Targets that use ``readings`` and ``tags`` need the plan's vocabulary as context of validation.
    """

    schema_: int = Field(alias="schema")
    name: str = Field(min_length=1, max_length=120)
    environment: Annotated[AnyKind, Field(discriminator="kind")]
    arms: dict[str, Arm]
    load: Load
    stages: tuple[Stage, ...]
    tags: Tags = Field(default={})
    readings: Gauges = Field(default={})
    targets: tuple[Target, ...] = ()
    claims: tuple[Claim, ...] = ()
    attribution: Chain | None = None
    capacity: Capacity | None = None
    answers: Corpus | None = None
    migration: MigrationTable | None = None
    faults: tuple[Fault, ...] = ()
    aborts: tuple[Abort, ...] = ()
    alerts: tuple[Alert, ...] = DEFAULTS
    judgement: Judgement = Judgement()
    profiles: dict[Annotated[str, Field(min_length=1, max_length=40)], Profile] = Field(default={})
    _profile: str | None = PrivateAttr(default=None)

    @field_validator("schema_")
    @classmethod
    def _known_schema(cls, value: int) -> int:
        if value != SCHEMA:
            raise ValueError(f"this harness reads schema {SCHEMA}, the plan has {value}")
        return value

    @field_validator("arms")
    @classmethod
    def _two_arms(cls, value: dict[str, Arm]) -> dict[str, Arm]:
        if missing := [arm for arm in ARMS if arm not in value]:
            raise ValueError(f"needs [arms.{missing[0]}]")
        if extra := [arm for arm in value if arm not in (*ARMS, *COPIES)]:
            raise ValueError(f'"{extra[0]}" is no arm; arms are before and after, and their copies control and placebo')
        if written := [arm for arm in COPIES if value.get(arm, Arm()) != Arm()]:
            raise ValueError(f"[arms.{written[0]}] is a copy of before: leave the table empty")
        return value

    @property
    def services(self) -> tuple[str, ...]:
        """The names of the services that receive requests; empty for one without a name."""
        if isinstance(self.environment, External):
            return tuple(self.arms["before"].urls)
        return self.environment.services

    @property
    def sequential(self) -> bool:
        """Whether all legs of before run before those of after, not interleaved."""
        return isinstance(self.environment, External) and self.environment.sequential

    def system(self, kind: type[S]) -> S:
        """The environment, which must be of this kind; raises ``TypeError`` when it is of another."""
        if not isinstance(self.environment, kind):
            raise TypeError(f"the environment is of kind {self.environment.kind}")
        return self.environment

    @property
    def arms_alike(self) -> bool:
        """Whether the plan has no difference between before and after; a switch command counts as one."""
        switched = isinstance(self.environment, External) and bool(self.environment.switch)
        return self.arms["before"] == self.arms["after"] and not switched

    @property
    def open(self) -> bool:
        """Whether the load is open-loop."""
        return bool(self.stages) and self.stages[0].rate is not None

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(readings=self.readings, tags=self.tags)

    @property
    def judged(self) -> list[tuple[str, Target]]:
        """All targets and targets of claims, with key paths."""
        targets = [(f"targets[{index}]", target) for index, target in enumerate(self.targets)]
        claims = [(f"claims[{index}]", target) for index, claim in enumerate(self.claims) for target in claim.targets]
        return targets + claims

    @property
    def places(self) -> list[tuple[str, Target | Chain | Abort]]:
        """Everything that may name a stage and an endpoint, with key paths."""
        aborts = [(f"aborts[{index}]", abort) for index, abort in enumerate(self.aborts)]
        return [*self.judged, *([("attribution", self.attribution)] if self.attribution else []), *aborts]

    @property
    def arms_in_order(self) -> dict[str, Arm]:
        """Every measured arm: before, its copies, the steps and after."""
        copies = {arm: self.arms["before"] for arm in COPIES if arm in self.arms}
        return {"before": self.arms["before"]} | copies | self.way

    @property
    def between(self) -> Arm | None:
        """The old release on migrated databases, used to find causes, never measured; ``None`` without such a state."""
        before, after = (self.arms[arm] for arm in ARMS)
        if not isinstance(self.environment, Local) or before.env == after.env or before.revision == after.revision:
            return None
        return before.model_copy(update={"revision": after.revision})

    @property
    def uncompared_arms(self) -> tuple[str, ...]:
        """The arms that get the corpus and are not compared: the control, and the old release on migrated databases."""
        return tuple(arm for arm, there in ((CONTROL, CONTROL in self.arms), (MIGRATED, self.between)) if there)

    def arm(self, name: str) -> Arm:
        between = {MIGRATED: self.between} if self.between else {}
        return (self.arms_in_order | between)[name]

    def databases_of(self, arm: str) -> tuple[str | None, bool]:
        """The revision of an arm's databases, and whether they are the placebo's."""
        return self.arm(arm).revision, arm == PLACEBO

    def with_copies(self, *names: str) -> Self:
        return self.model_copy(update={"arms": self.arms | {name: Arm() for name in names}})

    @property
    def way(self) -> dict[str, Arm]:
        """The arms from before to after; the last step is the arm ``after``."""
        arms = {"before": self.arms["before"]}
        for step in self.attribution.steps[:-1] if self.attribution else ():
            arms[step.name] = step.applied_to(next(reversed(arms.values())))
        return arms | {"after": self.arms["after"]}

    @property
    def limits(self) -> tuple[Expectation, ...]:
        """The capacity limits of stress stages."""
        return tuple(parse_expectation(text) for text in self.capacity.limit) if self.capacity else ()

    @property
    def stress_loads(self) -> tuple[float, ...]:
        """The users or arrival rates of the stress stages, ascending."""
        return tuple(sorted(stage.load for stage in self.stages if stage.kind is StageKind.STRESS))

    @property
    def searched(self) -> Stage | None:
        """The stage with a capacity search."""
        return next((stage for stage in self.stages if stage.search is not None), None)

    @property
    def profile(self) -> str | None:
        """The name of the applied profile."""
        return self._profile

    def scaled(self, name: str) -> Self:
        """The plan under one of its profiles; raises ``ValidationError`` when the result cannot be run."""
        profile, data = self.profiles[name], self.model_dump(by_alias=True, exclude_unset=True)
        times = {stage.title: (profile.times_of(stage)["seconds"] / stage.seconds) for stage in self.stages}
        data["stages"] = tuple(stage.model_dump(by_alias=True) | profile.times_of(stage) for stage in self.stages)
        data["faults"] = tuple(
            fault.model_dump() | {"at": fault.scaled(times.get(fault.stage, 1.0))} for fault in self.faults
        )
        data["load"]["blocks"] = profile.blocks or self.load.blocks
        if profile.answers and self.answers:
            data["answers"]["requests"] = profile.answers
        plan = self.model_validate(data, context=self.vocabulary)
        plan._profile = name  # noqa: SLF001 - its own class
        return plan

    @property
    def planned_faults(self) -> list[tuple[float, Fault]]:
        """The faults by their start, each with its second of the load."""
        starts, second = {}, 0.0
        for stage in self.stages:
            starts[stage.title] = second
            second += stage.seconds
        known = [(starts[fault.stage] + fault.offset, fault) for fault in self.faults if fault.stage in starts]
        return sorted(known, key=lambda planned: planned[0])

    @property
    def seconds(self) -> float:
        """The length of the load of one leg."""
        return sum(stage.seconds for stage in self.stages)
