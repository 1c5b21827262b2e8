"""The certificates of machines, kept beside the runs in ``selftest.json``: the newest of each class of machine.

A run copies that of its own machine into its own folder when it begins, so that its report does not change later.
"""

import json
import math
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from harness.errors import RunFolderError
from harness.record.folder import validated

DOUBTFUL, IMPOSSIBLE = 0.05, 0.01
COVERED = 0.95
"""The share of the intervals of an unspoilt measurement that hold the truth."""
ALLOWED_RISE = 0.1
"""What the gate of equal arms allows: "p95 rises by at most 10 %"."""
MORE_WORK = 0.2
SEEN_SHARE = 0.8
MOST_INVALID = 0.2
CLOCK_MS = 0.05
"""Two processes read the same clock; nothing arrives sooner by more than this."""


class Fitness(StrEnum):
    """What a trial says of the measurement on a machine, worst last."""

    FIT = "fit"
    CANNOT_TELL = "cannot tell"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Equal:
    """Suites of two arms that are the same.

    Attributes:
        suites: those that were measured and judged.
        invalid: those beside them in which a guard broke.
        failed: those in which the gate said FAIL, before anything was measured twice.
        held: those whose 95 % interval of the change of P95 holds "no change".
    """

    suites: int
    invalid: int
    failed: int
    held: int

    @property
    def gate(self) -> Fitness:
        """Whether no more failed than chance has it: at most one in 40, where the whole interval is too high."""
        return self._by_chance(self.suites - self.failed, (1 + COVERED) / 2)

    @property
    def coverage(self) -> Fitness:
        """Whether no fewer intervals held the truth than chance has it."""
        return self._by_chance(self.held, COVERED)

    @property
    def fitness(self) -> Fitness:
        """The worse of both."""
        return worst_fitness(self.gate, self.coverage)

    def _by_chance(self, right: int, share: float) -> Fitness:
        chance = at_most(right, self.suites, share)
        if chance < IMPOSSIBLE:
            return Fitness.BROKEN
        return _told(chance >= DOUBTFUL and _enough(self.suites, self.invalid))


@dataclass(frozen=True, slots=True)
class Power:
    """Suites whose after does ``more`` work, a fraction; ``found`` where P50 or P95 rose in its whole 95 % interval."""

    more: float
    suites: int
    invalid: int
    found: int

    @property
    def fitness(self) -> Fitness:
        """Whether most suites found it; a machine too noisy for that cannot tell, and that is no defect."""
        return _told(self.found >= SEEN_SHARE * self.suites and _enough(self.suites, self.invalid))


@dataclass(frozen=True, slots=True)
class Delay:
    """A service that waits on purpose and notes how long, of the leg that differs most: what it waited, what was seen.

    ``answered`` are the requests that it noted, ``requests`` those that were measured. Not ``valid`` where a guard
    broke.
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
        """How much longer than it waited."""
        return self.p50_ms - self.waited_p50_ms

    @property
    def p95_error_ms(self) -> float:
        """How much longer than it waited."""
        return self.p95_ms - self.waited_p95_ms

    @property
    def fitness(self) -> Fitness:
        """Whether every request is there, none was faster than can be, and both are near, or a guard has told."""
        errors = ((self.p50_error_ms, self.waited_p50_ms), (self.p95_error_ms, self.waited_p95_ms))
        lost = self.answered != self.requests or min(error for error, _ in errors) < -CLOCK_MS
        if lost or (self.valid and any(error > 5 + 0.1 * waited for error, waited in errors)):
            return Fitness.BROKEN
        return _told(all(error <= 1 + 0.02 * waited for error, waited in errors))


@dataclass(frozen=True, slots=True)
class Freeze:
    """A service stopped in its tracks under a constant rate, of the leg that differs most.

    ``seconds`` is how long it was stopped, ``expected_ms`` the P95 that follows from that by arithmetic. Not ``valid``
    where a guard broke.
    """

    seconds: float
    expected_ms: float
    p95_ms: float
    valid: bool = True

    @property
    def error(self) -> float:
        """How far off, as a fraction of what was expected."""
        return self.p95_ms / self.expected_ms - 1

    @property
    def fitness(self) -> Fitness:
        """Near, in doubt, or as far off as if those that waited had not been counted, and no guard has told."""
        far, near = abs(self.error) > 0.1, abs(self.error) <= 0.03  # noqa: PLR2004 - of the P95
        return Fitness.BROKEN if far and self.valid else _told(near)


@dataclass(frozen=True, slots=True)
class Kill:
    """One of two generator processes killed under load: what the run came to, and whether it named the process."""

    outcome: str
    named: bool

    @property
    def fitness(self) -> Fitness:
        """A run that lost a worker is INVALID and names it, or the measurement is broken."""
        return Fitness.FIT if self.outcome == "INVALID" and self.named else Fitness.BROKEN


@dataclass(frozen=True, slots=True)
class Certificate:
    """What all trials said on machines of one class; ``guards`` are those that broke in the suites, by name."""

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
        """The worst of all trials."""
        return worst_fitness(*(part.fitness for part in (self.equal, self.power, self.delay, self.freeze, self.kill)))


def worst_fitness(*found: Fitness) -> Fitness:
    """The one that decides."""
    return max(found, key=list(Fitness).index)


def at_most(successes: int, n: int, share: float) -> float:
    """How likely so few of n are, or fewer, where each is one with probability ``share``: the binomial distribution."""
    return math.fsum(math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(successes + 1))


def _told(fit: bool) -> Fitness:
    return Fitness.FIT if fit else Fitness.CANNOT_TELL


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
        self.path = runs / NAME

    def read(self, machine: dict[str, str]) -> Certificate | None:
        """The newest certificate of a class of machine; ``None`` where none was made.

        Raises:
            RunFolderError: when the file is damaged.
        """
        return next((one for one in self._all() if one.machine == machine), None)

    def check(self) -> None:
        """Whether what is there can be read and added to; raises as ``keep``, before anything is measured."""
        self._all()
        if self.path.is_dir():
            raise RunFolderError(f"{self.path}: a folder is in the way; remove it, or choose another --out")

    def keep(self, certificate: Certificate) -> None:
        """Write a certificate in place of an older one of its class of machine.

        Raises:
            RunFolderError: when the file is damaged or cannot be written.
        """
        others = [one for one in self._all() if one.machine != certificate.machine]
        whole = Certificates((certificate, *others))
        partial = self.path.with_suffix(".partial")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(asdict(whole), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            partial.rename(self.path)
        except OSError as error:
            raise RunFolderError(f"{self.path}: cannot be written ({error.strerror})") from error

    def _all(self) -> tuple[Certificate, ...]:
        if not self.path.exists():
            return ()
        try:
            raw = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise RunFolderError(
                f"{self.path}: damaged ({error}); delete it, harness selftest makes it anew"
            ) from error
        return validated(self.path, Certificates, raw).certificates
