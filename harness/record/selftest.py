"""Selftest: its trials and certificate, and the file ``selftest.json`` beside the runs with the newest one per machine.

A trial is BROKEN when the measurement was wrong and no guard reported it. Counts are judged by the binomial
distribution: a probability below 5 % is inconclusive, one below 1 % means that the measurement is broken.
A run copies the certificate of its machine into its own folder, so that its report does not change later.
"""

import math
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from harness.errors import RunFolderError
from harness.record.folder import Folder

DOUBTFUL, IMPOSSIBLE = 0.05, 0.01
COVERED = 0.95
"""The nominal coverage of intervals."""
ALLOWED_RISE = 0.1
"""The limit of the A/A gate: "p95 rises by at most 10 %"."""
MORE_WORK = 0.2
SEEN_SHARE = 0.8
MOST_INVALID = 0.2
CLOCK_MS = 0.05
"""Clock differences between two processes are below this."""


class Fitness(StrEnum):
    """The result of a trial, worst last."""

    FIT = "fit"
    INCONCLUSIVE = "inconclusive"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Equal:
    """A/A tests: suites with two identical arms."""

    suites: int  # measured and judged
    invalid: int  # further ones with a broken guard
    failed: int  # FAIL at the first measurement, before a repetition
    held: int  # the 95 % interval of the change of P95 contains "no change"

    @property
    def gate(self) -> Fitness:
        """Whether the number of false FAILs is plausible: at most one in 40 is expected."""
        return self._by_chance(self.suites - self.failed, (1 + COVERED) / 2)

    @property
    def coverage(self) -> Fitness:
        """Whether the number of intervals that contain the truth is plausible."""
        return self._by_chance(self.held, COVERED)

    @property
    def fitness(self) -> Fitness:
        return worst_fitness(self.gate, self.coverage)

    def _by_chance(self, right: int, share: float) -> Fitness:
        chance = at_most(right, self.suites, share)
        if chance < IMPOSSIBLE:
            return Fitness.BROKEN
        return _fit_or_inconclusive(chance >= DOUBTFUL and _enough(self.suites, self.invalid))


@dataclass(frozen=True, slots=True)
class Power:
    """Suites whose after does ``more`` work, a fraction; ``found``: the interval of P50 or P95 is above "no change"."""

    more: float
    suites: int
    invalid: int
    found: int

    @property
    def fitness(self) -> Fitness:
        """Whether most suites found it; a machine too noisy for that is inconclusive, not broken."""
        return _fit_or_inconclusive(self.found >= SEEN_SHARE * self.suites and _enough(self.suites, self.invalid))


@dataclass(frozen=True, slots=True)
class Delay:
    """The leg with the largest error of a service that waits on purpose and notes how long.

    ``answered`` requests were noted, ``requests`` were measured. Not ``valid`` where a guard broke.
    """

    answered: int
    requests: int
    waited_p50_ms: float
    waited_p95_ms: float
    p50_ms: float
    p95_ms: float
    valid: bool = True

    @property
    def p50_error_ms(self) -> float:
        return self.p50_ms - self.waited_p50_ms

    @property
    def p95_error_ms(self) -> float:
        return self.p95_ms - self.waited_p95_ms

    @property
    def fitness(self) -> Fitness:
        """Whether no request is lost or faster than possible, and both percentiles are accurate or a guard broke."""
        errors = ((self.p50_error_ms, self.waited_p50_ms), (self.p95_error_ms, self.waited_p95_ms))
        lost = self.answered != self.requests or min(error for error, _ in errors) < -CLOCK_MS
        if lost or (self.valid and any(error > 5 + 0.1 * waited for error, waited in errors)):
            return Fitness.BROKEN
        return _fit_or_inconclusive(all(error <= 1 + 0.02 * waited for error, waited in errors))


@dataclass(frozen=True, slots=True)
class Freeze:
    """The leg with the largest error of a service paused for ``seconds`` under a constant rate.

    ``expected_ms`` is the P95 that follows by arithmetic. Not ``valid`` where a guard broke.
    """

    seconds: float
    expected_ms: float
    p95_ms: float
    valid: bool = True

    @property
    def error(self) -> float:
        """Relative error of P95, a fraction."""
        return self.p95_ms / self.expected_ms - 1

    @property
    def fitness(self) -> Fitness:
        """Fit up to 3 % off; beyond 10 % broken (late requests not counted), unless a guard broke."""
        far, near = abs(self.error) > 0.1, abs(self.error) <= 0.03  # noqa: PLR2004 - of the P95
        return Fitness.BROKEN if far and self.valid else _fit_or_inconclusive(near)


@dataclass(frozen=True, slots=True)
class Kill:
    """One of two generator processes killed under load: the outcome of the run, and whether it named the process."""

    outcome: str
    named: bool

    @property
    def fitness(self) -> Fitness:
        """Fit when the run is INVALID and names the lost worker."""
        return Fitness.FIT if self.outcome == "INVALID" and self.named else Fitness.BROKEN


@dataclass(frozen=True, slots=True)
class Certificate:
    """The results of all trials on one class of machine; ``guards`` are the names of those that broke."""

    machine: dict[str, str]
    date: str
    version: str
    seed: int
    blocks: int
    equal: Equal
    power: Power
    delay: Delay
    freeze: Freeze
    kill: Kill
    guards: tuple[str, ...] = field(default=())
    schema: int = 1

    @property
    def fitness(self) -> Fitness:
        return worst_fitness(*(part.fitness for part in (self.equal, self.power, self.delay, self.freeze, self.kill)))


def worst_fitness(*found: Fitness) -> Fitness:
    """The last of these in the order of ``Fitness``."""
    return max(found, key=list(Fitness).index)


def at_most(successes: int, n: int, share: float) -> float:
    """P(X <= successes) of the binomial distribution B(n, share)."""
    return math.fsum(math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(successes + 1))


def _fit_or_inconclusive(fit: bool) -> Fitness:
    return Fitness.FIT if fit else Fitness.INCONCLUSIVE


def _enough(suites: int, invalid: int) -> bool:
    return suites > 0 and invalid <= MOST_INVALID * (suites + invalid)


NAME = "selftest.json"


@dataclass(frozen=True, slots=True)
class Certificates:
    """The newest certificate of each class of machine."""

    certificates: tuple[Certificate, ...] = ()
    schema: int = 1


class CertificateStore:
    """The file of the certificates in the folder of the runs."""

    def __init__(self, runs: Path) -> None:
        self.folder, self.path = Folder(runs), runs / NAME

    def read(self, machine: dict[str, str]) -> Certificate | None:
        """The newest certificate of a class of machine, if any; raises ``RunFolderError`` when the file is damaged."""
        return next((one for one in self._all() if one.machine == machine), None)

    def check(self) -> None:
        """Raise as ``keep`` would, before anything is measured."""
        self._all()
        if self.path.is_dir():
            raise RunFolderError(f"{self.path}: a folder is in the way; remove it, or choose another --out")

    def keep(self, certificate: Certificate) -> None:
        """Replace the certificate of its class of machine; raises ``RunFolderError``."""
        others = [one for one in self._all() if one.machine != certificate.machine]
        self.folder.write_json(NAME, asdict(Certificates((certificate, *others))))

    def _all(self) -> tuple[Certificate, ...]:
        known = self.folder.decode_disposable(NAME, Certificates, "harness selftest makes it anew")
        return known.certificates if known else ()
