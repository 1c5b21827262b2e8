"""Setup: the fingerprint of the system, the machine and the order of legs of a run."""

from dataclasses import dataclass, field

from harness.record.leg import Leg, Order, legs_of

VARYING_FACTS = ("load_before", "memory_bytes", "harness", "database size")


@dataclass(frozen=True, slots=True)
class Setup:
    """The fingerprint of a run.

    ``order`` has the arms of each block; ``sequential``: all legs of an arm ran before those of the next. The last
    ``again`` blocks repeat a failed measurement. ``sealed``: a leg is complete only with its seal.
    """

    started: str
    plan_name: str
    plan_fingerprint: str
    users_fingerprint: str
    seed_fingerprint: str | None
    order: Order
    order_seed: int
    legs_planned: int
    versions: dict[str, str] = field(default_factory=dict)
    host: dict[str, str | int | float] = field(default_factory=dict)
    row_counts: dict[str, int] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    schema: int = 1
    profile: str | None = None
    processes: int = 1
    sequential: bool = False
    again: int = 0
    sealed: bool = False

    @property
    def legs(self) -> list[Leg]:
        return legs_of(self.order, sequential=self.sequential)

    @property
    def first_legs(self) -> list[Leg]:
        """The legs without the repetition."""
        return [leg for leg in self.legs if leg.block <= len(self.order) - self.again]

    @property
    def repeated_legs(self) -> list[Leg]:
        """The legs of the repetition."""
        return [leg for leg in self.legs if leg.block > len(self.order) - self.again]


def facts_of_setup(host: dict[str, str | int | float], users_fingerprint: str) -> dict[str, str | int | float]:
    """The facts of a setup that may not change between legs."""
    steady = {f"host {name}": value for name, value in host.items() if name not in VARYING_FACTS}
    return {**steady, "user files": users_fingerprint}


def differing_facts(one: Setup, other: Setup) -> list[str]:
    """The facts that two runs must share to be comparable and do not, each as ``name: one, other``."""
    pairs: list[tuple[str, object, object]] = [
        ("profile", one.profile, other.profile),
        ("user files", one.users_fingerprint, other.users_fingerprint),
        ("seed", one.seed_fingerprint, other.seed_fingerprint),
        ("processes of the load", one.processes, other.processes),
        ("sequential", one.sequential, other.sequential),
    ]
    for title, left, right in (
        ("host", one.host, other.host),
        ("version of", one.versions, other.versions),
        ("setting", one.settings, other.settings),
        ("rows of", one.row_counts, other.row_counts),
    ):
        names = [name for name in dict.fromkeys([*left, *right]) if name.partition(",")[0] not in VARYING_FACTS]
        if title == "setting":  # releases of the harness record more or fewer of them
            names = [name for name in names if name in left and name in right]
        pairs += [(f"{title} {name}", left.get(name), right.get(name)) for name in names]
    return [f"{name}: {a}, {b}" for name, a, b in pairs if a != b]
