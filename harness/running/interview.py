"""Interview: asks each arm the corpus of the plan once, freshly reset and started, before anything is measured.

Where the databases of the arms are known, their counters are read around every request: that is what a request costs
them. The release of before is then asked on the migrated databases too, which tells what the migration did from what
the new release does.
"""

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from harness.errors import EnvironmentFailedError, MeasurementError
from harness.leg import Leg
from harness.load import Job, ask
from harness.plan import ARMS, CONTROL, MIGRATED, Plan
from harness.probes.access import Cache, Database
from harness.running.inspection import Inspection
from harness.store import RunFolder
from harness.trial import Incident, Startup

Ask = Callable[..., None]
BESIDE = {CONTROL: "before once more", MIGRATED: "before, on migrated databases"}


class System(Protocol):
    """What is asked of the system under test."""

    @property
    def label(self) -> str:
        """What every process of the run carries in its environment."""

    def start(self, leg: Leg) -> Startup:
        """Reset and start an arm; returns where its services are once all are ready."""

    def check(self) -> None:
        """Raise when something that should be running is not."""

    def databases(self) -> Sequence[Database]:
        """The databases of the leg that was started; empty where none is known."""

    def caches(self) -> Sequence[Cache]:
        """Its Redis servers; empty where none is known."""

    def stop(self) -> list[Incident]:
        """End the arm's services; returns what happened to them by itself meanwhile."""


class Listener(Protocol):
    """Who wants to know how it goes."""

    def say(self, text: str) -> None:
        """Something has begun."""

    def asked(self, arm: str, requests: int, wanted: int) -> None:
        """So many requests of an arm's corpus are made."""


class Interview:
    """The answers of both arms, for plans that compare them: ``base`` is where the plan's paths start.

    Arms that take turns are asked one after the other, before the first block. Where all legs of an arm are measured
    first, each is asked before its own first leg: switching is dear there.
    """

    def __init__(self, plan: Plan, base: Path, run: Path, *, ask_arm: Ask = ask) -> None:
        self.plan, self.base, self.run, self._ask_arm = plan, base, run, ask_arm
        self._left = list(ARMS) if plan.answers else []
        self._beside = list(plan.asked_beside) if plan.answers else []
        self._key = secrets.token_hex(16)

    def before(self, leg: Leg, system: System, listener: Listener) -> None:
        """Ask what is to be asked before a leg.

        Raises:
            EnvironmentFailedError: when the system under test does not come up or stay up.
            MeasurementError: when the generator breaks.
        """
        for arm in [arm for arm in self._left if arm == leg.arm or not self.plan.sequential]:
            self._left.remove(arm)
            self._ask(arm, system, listener)
        while self._beside and not self._left:
            self._ask_beside(self._beside.pop(0), system, listener)

    def _ask_beside(self, arm: str, system: System, listener: Listener) -> None:
        """Ask what is not compared: a copy of before, or its release on databases that may not suit it."""
        try:
            self._ask(arm, system, listener)
        except (EnvironmentFailedError, MeasurementError) as error:
            listener.say(
                f"{BESIDE[arm]}: does not work ({str(error).splitlines()[0]}); causes are told with less detail"
            )
            system.stop()

    def after_change(self, change: Callable[[], None], name: str, system: System, listener: Listener) -> None:
        """Ask before the corpus once more, freshly started and then changed; its answers go by ``name``.

        Raises:
            As ``before``, and what ``change`` raises.
        """
        if self.plan.answers:
            self._ask("before", system, listener, change=change, name=name)

    def _ask(
        self,
        arm: str,
        system: System,
        listener: Listener,
        *,
        change: Callable[[], None] = lambda: None,
        name: str = "",
    ) -> None:
        leg = Leg(0, 0, arm)
        what = f"comparing answers · {name or arm}"
        listener.say(f"looking for causes · {BESIDE[arm]}" if arm in BESIDE else what)
        startup = system.start(leg)
        change()
        job = Job(
            plan=self.plan,
            plan_path=self.run / "plan.toml",
            base=self.base,
            host=startup.host,
            urls=startup.urls,
            out=self.run / ("answers" if arm in ARMS else "evidence") / f"{name or arm}.jsonl",
            log=self.run / "logs" / f"{leg.title}.generator.log",
            label=system.label,
            seed=self.plan.load.seed,
        )

        def follow(requests: int, wanted: int) -> None:
            listener.asked(name or arm, requests, wanted)

        databases = [] if name else system.databases()
        if not databases:
            self._beside = self._beside if name else []
            self._ask_arm(job, self._key, on_progress=follow, check=system.check)
        else:
            with Inspection(databases, system.caches()) as inspection:
                self._ask_arm(job, self._key, on_progress=follow, check=system.check, look=inspection.look)
            RunFolder(self.run).write_inspected(inspection.result(arm))
        for incident in system.stop():
            listener.say(f"{incident.service} {incident.what} while {arm} was asked")
