"""Plans of the trials, as TOML."""

import json
from dataclasses import dataclass
from functools import partial

from jinja2 import Environment, PackageLoader

from harness.plan.model import ARMS
from harness.record.selftest import ALLOWED_RISE

WORK_RATE, DELAY_RATE, FREEZE_RATE, KILL_RATE = 80, 50, 100, 50
GATE = f"p95 rises by at most {ALLOWED_RISE:.0%}".replace("%", " %")
_TEMPLATES = Environment(loader=PackageLoader("harness.selftest", "."), autoescape=False)  # noqa: S701 - TOML
_TEMPLATES.filters["toml"] = partial(json.dumps, ensure_ascii=False)  # JSON strings are TOML strings


@dataclass(frozen=True, slots=True)
class Size:
    """Suites of identical arms, suites with more work, blocks of a suite, and seconds of each leg."""

    suites: int = 10
    power_suites: int = 5
    blocks: int = 6
    seconds: int = 4
    delay_seconds: int = 8
    freeze_seconds: int = 10
    frozen_seconds: int = 2
    kill_seconds: int = 8

    @property
    def legs(self) -> list[int]:
        """The seconds of load of every leg."""
        work = [self.seconds] * (2 * self.blocks * (self.suites + self.power_suites))
        return [*work, *[self.delay_seconds] * 2, *[self.freeze_seconds] * 2, self.kill_at + 1]

    @property
    def kill_at(self) -> int:
        """The second of the load in which a process is killed."""
        return self.kill_seconds // 4

    @property
    def freeze_at(self) -> int:
        """The second of the load in which the service is paused, early enough for all waiting requests to end."""
        return self.freeze_seconds * 3 // 10


def work_plan(name: str, size: Size, seed: int, before: int, after: int) -> str:
    """Each arm hashes a number of rounds for each request; arrivals are a Poisson process."""
    envs = ({"SELFTEST_WORK": str(before)}, {"SELFTEST_WORK": str(after)})
    poisson = {"arrivals": "poisson", "expect": GATE}
    return _plan(name, seed, envs, blocks=size.blocks, seconds=size.seconds, rate=WORK_RATE, warmup=1, **poisson)


def delay_plan(size: Size, seed: int, waited: tuple[str, str]) -> str:
    """Both arms wait before they respond, and record the delays in a file each."""
    envs = ({"SELFTEST_WAITED": waited[0]}, {"SELFTEST_WAITED": waited[1]})
    return _plan("known delay", seed, envs, seconds=size.delay_seconds, rate=DELAY_RATE)


def freeze_plan(size: Size, seed: int) -> str:
    """Both arms are paused while requests arrive at a constant rate."""
    pause = {"pause_at": size.freeze_at, "pause_seconds": size.frozen_seconds}
    return _plan("freeze", seed, seconds=size.freeze_seconds, rate=FREEZE_RATE, **pause)


def kill_plan(size: Size, seed: int) -> str:
    """Two processes make the load."""
    return _plan("killed generator process", seed, seconds=size.kill_seconds, rate=KILL_RATE, processes=2)


def frozen_p95_ms(size: Size, frozen_seconds: float) -> float:
    """The expected P95 in ms of a leg whose service responds at once, except while it is paused.

    A request that arrives during the pause waits for its end. The first arrivals of the pause wait longest: those of
    5 % of the leg's seconds are above the P95, and the next is the P95, on average half a gap between arrivals later.
    """
    return 1000 * (frozen_seconds - 0.05 * size.freeze_seconds) - 500 / FREEZE_RATE


def _plan(
    name: str, seed: int, envs: tuple[dict[str, str], dict[str, str]] = ({}, {}), /, **values: str | float
) -> str:
    """A plan of one stage; ``values`` replace the defaults of the template."""
    arms = dict(zip(ARMS, envs, strict=True))
    return _TEMPLATES.get_template("plan.toml.j2").render(name=name, seed=seed, envs=arms, **values)
