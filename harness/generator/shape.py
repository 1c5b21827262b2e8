"""Shape: the stages of a plan as Locust's load shape."""

from collections.abc import Sequence

from locust import LoadTestShape

from harness.generator.arrivals import spawn_at
from harness.stage import Stage


class StagedShape(LoadTestShape):
    """Follows the stages; Locust asks it about once a second."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        super().__init__()
        self.stages = stages

    def tick(self) -> tuple[int, float] | None:
        """The users to head for and the rate to get there, or ``None`` to stop."""
        return spawn_at(self.stages, self.get_run_time())
