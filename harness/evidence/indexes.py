"""The indexes of a migration: benefit, cost and flaws.

Only an index that nothing except queries could need is flagged as unused. Primary keys, unique indexes, indexes that
back a constraint or are the replica identity are needed, as are indexes that support a foreign key: without one, every
delete of a parent row scans the referring table. Of duplicates one is kept and the others are flagged. An INVALID index
is always flagged: writes maintain it, queries cannot use it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from harness.finding import Finding
from harness.record.ablation import IndexAblation
from harness.record.catalogue import Catalogue, ForeignKey, Index, IndexScans

Place = tuple[str | None, str]  # the service, ``None`` where it has no name, and the name of an index


class FlawKind(Enum):
    """The flaws of an index."""

    INVALID = "INVALID"
    DUPLICATE = "duplicate"
    PREFIX = "prefix"
    UNUSED = "unused"


@dataclass(frozen=True, slots=True)
class Flaw:
    """A flaw of an index; ``other`` is the index that makes it redundant, where there is one."""

    kind: FlawKind
    index: Index
    other: Index | None = None


def index_caveats(flaws: Iterable[Flaw]) -> Iterator[Finding]:
    """The caveats of INVALID and duplicate indexes, with the statement that drops each."""
    for flaw in flaws:
        code, drop = f"INDEX_{flaw.kind.name}", f"DROP INDEX CONCURRENTLY {flaw.index.name}"
        index = f"the index {flaw.index.name} on {flaw.index.table}"
        if flaw.kind is FlawKind.INVALID:
            seen = f"{index} is INVALID: writes maintain it, queries cannot use it"
            yield Finding(code, seen, f"{drop}, and build it again if it is needed")
        elif flaw.kind is FlawKind.DUPLICATE and flaw.other:
            yield Finding(code, f"{index} is a duplicate of {flaw.other.name}", drop)


@dataclass(frozen=True, slots=True)
class IndexUse:
    """An index of after, created by the migration or not."""

    index: Index
    created: bool
    needed: str  # why it is needed beside queries; empty where it is not
    seconds: float | None  # its build time; ``None`` without a statement of its own, or where not measured
    use: IndexScans | None  # its scans; ``None`` where not counted
    flaws: tuple[Flaw, ...]
    ablated: IndexAblation | None = None  # the measurement without it; ``None`` without one


@dataclass(frozen=True, slots=True)
class MigrationIndexes:
    """All indexes of after, those of the migration first.

    ``removed`` are indexes that it dropped, ``unindexed_keys`` the foreign keys of after without a supporting index.
    """

    entries: tuple[IndexUse, ...]
    removed: tuple[Index, ...] = ()
    unindexed_keys: tuple[ForeignKey, ...] = ()

    @property
    def created(self) -> list[IndexUse]:
        return [entry for entry in self.entries if entry.created]

    @property
    def flaws(self) -> list[Flaw]:
        """The flaws of all indexes; unused ones only of the migration."""
        return [
            flaw for entry in self.entries for flaw in entry.flaws if entry.created or flaw.kind is not FlawKind.UNUSED
        ]


@dataclass(frozen=True, slots=True)
class Workload:
    """Measurements of indexes by place: scans (``None`` where not counted), build seconds, ablations."""

    uses: Mapping[Place, IndexScans] | None = None
    seconds: Mapping[Place, float] = field(default_factory=dict)
    ablated: Mapping[Place, IndexAblation] = field(default_factory=dict)


def migration_indexes(before: Catalogue, after: Catalogue, workload: Workload) -> MigrationIndexes:
    """The indexes of a migration from the catalogues of both arms."""
    made = {index.place for index in after.created_since(before)}
    uses = _with_parts(after.indexes, workload.uses)
    flaws: dict[Place, list[Flaw]] = {}
    for flaw in flaws_of(after, made, uses):
        flaws.setdefault(flaw.index.place, []).append(flaw)
    ordered = sorted(after.indexes, key=lambda index: (index.place not in made, index.service or "", index.name))
    entries = (
        IndexUse(
            index=index,
            created=index.place in made,
            needed=needed(index, after),
            seconds=workload.seconds.get(index.place),
            use=uses.get(index.place) if uses is not None else None,
            flaws=tuple(flaws.get(index.place, ())),
            ablated=workload.ablated.get(index.place),
        )
        for index in ordered
        if index.parent is None
    )
    removed = tuple(index for index in after.dropped_since(before) if index.parent is None)
    unindexed = tuple(key for key in after.foreign_keys if not any(map(key.served_by, after.indexes)))
    return MigrationIndexes(tuple(entries), removed, unindexed)


def needed(index: Index, catalogue: Catalogue) -> str:
    """Why an index is needed beside queries; empty where it is not."""
    keys = catalogue.foreign_keys_served(index)
    return index.needed or (f"supports the foreign key to {keys[0].parent}" if keys else "")


def flaws_of(catalogue: Catalogue, made: set[Place], uses: Mapping[Place, IndexScans] | None) -> Iterator[Flaw]:
    """The flaws of indexes, at most one each: duplicate or prefix outranks unused.

    Partitions of an index are part of their parent.
    """
    whole = [index for index in catalogue.indexes if index.parent is None]
    yield from (Flaw(FlawKind.INVALID, index) for index in whole if not index.valid)
    there = [index for index in whole if index.valid]
    copies = dict(_copies(there, catalogue, made))
    kept = [index for index in there if index.place not in copies]
    longer = {index.place: _longer(index, kept) for index in kept if not needed(index, catalogue)}
    redundant = copies | {place: other for place, other in longer.items() if other}
    used = _used(uses, redundant) if uses is not None else {}
    for index in there:
        if other := redundant.get(index.place):
            yield Flaw(FlawKind.DUPLICATE if index.place in copies else FlawKind.PREFIX, index, other)
        elif not needed(index, catalogue) and used.get(index.place) is False:
            yield Flaw(FlawKind.UNUSED, index)


def _used(uses: Mapping[Place, IndexScans], redundant: Mapping[Place, Index]) -> dict[Place, bool]:
    """Whether each index was scanned, or makes a scanned index redundant: the planner may choose either."""
    used = {place: use.scans > 0 for place, use in uses.items()}
    for place in [place for place, was in used.items() if was]:
        other = redundant.get(place)
        while other:
            used[other.place] = True
            other = redundant.get(other.place)
    return used


def _copies(indexes: Sequence[Index], catalogue: Catalogue, made: set[Place]) -> Iterator[tuple[Place, Index]]:
    """Duplicates, each with the index that is kept: a needed one, else one of before, else the first by name."""

    def rank(index: Index) -> tuple[bool, bool, bool, str]:
        return not index.needed, not needed(index, catalogue), index.place in made, index.name

    left = sorted(indexes, key=rank)
    while left:
        kept, *left = left
        for index in left:
            if kept.duplicates(index) and not index.needed:
                yield index.place, kept
        left = [index for index in left if index.needed or not kept.duplicates(index)]


def _longer(index: Index, indexes: Iterable[Index]) -> Index | None:
    """The index with fewest columns of those that begin with all columns of another."""
    found = [one for one in indexes if one.extends(index)]
    return min(found, key=lambda one: (len(one.keys), one.name), default=None)


def _with_parts(indexes: Sequence[Index], uses: Mapping[Place, IndexScans] | None) -> dict[Place, IndexScans] | None:
    """Scans by place; those of partitions are added to the index of the partitioned table."""
    if uses is None:
        return None
    found = dict(uses)
    parents = {index.place: (index.service, index.parent) for index in indexes if index.parent}
    for place in [index.place for index in indexes if index.place in uses]:
        above = parents.get(place)
        while above:
            found[above] = found.get(above, IndexScans()) + uses[place]
            above = parents.get(above)
    return found
