"""Response comparison: each arm answers the corpus of the plan once, before anything is measured.

Where the databases of the arms are known, their counters are read around every request: that is the database cost per
request. The old release then answers on the migrated databases too, which separates what the migration changed from
what the new release changed.
"""

import secrets
from collections.abc import Callable

from harness.errors import EnvironmentFailedError, MeasurementError
from harness.plan.model import ARMS, CONTROL, MIGRATED
from harness.record.leg import Leg
from harness.run.context import RunContext
from harness.run.request_work import RequestWorkReader

EXTRA = {CONTROL: "before once more", MIGRATED: "before, on migrated databases"}
"""Arms whose cost per request is read, and whose answers are not compared."""


class ResponseComparison:
    """The answers of both arms, for plans that compare them.

    Arms in interleaved blocks answer one after the other before the first block. Where all legs of an arm are measured
    first, each answers before its own first leg, as switching is expensive there.
    """

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self._arms = list(ARMS) if context.plan.answers else []
        self._extra_arms = list(context.plan.uncompared_arms) if context.plan.answers else []
        self._key = secrets.token_hex(16)

    def compare_before(self, leg: Leg) -> None:
        """Request the answers that are due before a leg.

        Raises:
            EnvironmentFailedError: when the system under test does not come up or stay up.
            MeasurementError: when the generator breaks.
        """
        for arm in [arm for arm in self._arms if arm == leg.arm or not self.context.plan.sequential]:
            self._arms.remove(arm)
            self._request(arm, f"comparing answers · {arm}")
        while self._extra_arms and not self._arms:
            self._request_extra(self._extra_arms.pop(0))

    def after_change(self, change: Callable[[], None], name: str) -> None:
        """Request the corpus from before once more, freshly started and then changed; its answers go by ``name``.

        Raises:
            As ``compare_before``, and what ``change`` raises.
        """
        if not self.context.plan.answers:
            return
        self.context.observer.say(f"comparing answers · {name}")
        with self.context.started("before", self.context.folder.path / "answers" / f"{name}.jsonl") as job:
            change()
            self.context.request_corpus(job, self._key)

    def _request_extra(self, arm: str) -> None:
        """Read the cost per request of a copy of before, or of its release on databases that may not suit it."""
        try:
            self._request(arm, f"looking for causes · {EXTRA[arm]}")
        except (EnvironmentFailedError, MeasurementError) as error:
            self.context.observer.say(
                f"{EXTRA[arm]}: does not work ({str(error).splitlines()[0]}); causes are told with less detail"
            )
            self.context.environment.stop()

    def _request(self, arm: str, what: str) -> None:
        """Request the corpus from an arm, and read the cost per request where its databases are known."""
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
