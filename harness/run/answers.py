"""Response comparison: sends the corpus of the plan to each arm once, before the load.

If the databases are known, their counters are read around every request: the database cost per request. The old release
then answers on the new schema too, which separates the effect of the migration from that of the new release.
"""

import secrets
from collections.abc import Callable

from harness.errors import EnvironmentFailedError, MeasurementError, first_line
from harness.plan.model import ARMS, CONTROL, MIGRATED
from harness.record.leg import Leg
from harness.run.context import RunContext
from harness.run.request_work import RequestWorkReader

COST_ONLY = {CONTROL: "control", MIGRATED: "old release, new schema"}
"""Arms whose cost per request is measured, and whose responses are not compared."""


class ResponseComparison:
    """The responses of both arms, for plans that compare them.

    In interleaved plans both arms answer before the first block. In sequential plans, where switching is slow, each arm
    answers before its own first leg.
    """

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self._arms = list(ARMS) if context.plan.answers else []
        self._extra_arms = list(context.plan.uncompared_arms) if context.plan.answers else []
        self._key = secrets.token_hex(16)

    def compare_before(self, leg: Leg) -> None:
        """Request the corpus from the arms that are due before a leg; raises as ``experiment.measure``."""
        for arm in [arm for arm in self._arms if arm == leg.arm or not self.context.plan.sequential]:
            self._arms.remove(arm)
            self._request(arm, f"comparing responses: {arm}")
        while self._extra_arms and not self._arms:
            self._request_extra(self._extra_arms.pop(0))

    def after_change(self, change: Callable[[], None], name: str) -> None:
        """Request the corpus from before after a ``change``; the responses are stored under ``name``."""
        if not self.context.plan.answers:
            return
        self.context.observer.say(f"comparing responses: {name}")
        with self.context.started("before", self.context.folder.path / "answers" / f"{name}.jsonl") as job:
            change()
            self.context.request_corpus(job, self._key)

    def _request_extra(self, arm: str) -> None:
        """Measure the cost per request of the control, or of the old release on the new schema."""
        try:
            self._request(arm, f"measuring cost per request: {COST_ONLY[arm]}")
        except (EnvironmentFailedError, MeasurementError) as error:
            self.context.observer.say(f"{COST_ONLY[arm]} failed ({first_line(error)}); the causes have less detail")
            self.context.environment.stop()

    def _request(self, arm: str, what: str) -> None:
        """Request the corpus from an arm, and measure the cost per request if its databases are known."""
        context, environment = self.context, self.context.environment
        context.observer.say(what)
        folder = context.folder.path / ("answers" if arm in ARMS else "evidence")
        with context.started(arm, folder / f"{arm}.jsonl") as job:
            databases = environment.databases()
            if not databases:
                self._extra_arms = []
                context.request_corpus(job, self._key)
                return
            with RequestWorkReader(databases, environment.caches()) as reader:
                context.request_corpus(job, self._key, reader.add)
            context.folder.write_request_work(reader.result(arm))
