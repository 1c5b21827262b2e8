"""Profile: a named variant of a plan with less or more time."""

from pydantic import Field

from harness.plan.stages import PlanTable, Stage, StageKind


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
