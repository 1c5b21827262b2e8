"""Profile: a plan made shorter or longer, by name."""

from pydantic import Field

from harness.plan.stages import PlanTable, Stage, StageKind


class Profile(PlanTable):
    """A plan made shorter or longer: scales time, blocks and the corpus, never targets.

    A stage gets ``time`` times its seconds, whole ones, and no fewer than ``least_seconds`` or than it is written with;
    ramps, of which nothing is summarised, no fewer than ``least_ramp_seconds`` where that is given. ``ramp_seconds``
    and ``warmup_seconds`` stay the same share of it. ``answers`` are the requests of [answers].
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
