"""Ledger: what each index of a migration costs and brings, and which of them nobody needs.

An index is accused only where nothing but queries could need it. Primary keys, unique indexes, those that back a
constraint or are the replica identity have to stay, as does an index by which the server finds the rows that refer to
a parent: no query of the workload uses it, but without it every delete of a parent reads the whole table. Of copies
one stays and the others are accused, those of a foreign key's index too: the one that stays serves it. INVALID is said
of any index: it is written to and serves nobody.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from harness.finding import Finding
from harness.record.ablation import Ablated
from harness.record.catalogue import Catalogue, ForeignKey, Index, Use

Place = tuple[str | None, str]
"""The service, ``None`` where it has no name, and the name of an index."""


class FlawKind(Enum):
    """What is wrong with an index."""

    INVALID = "INVALID"
    DUPLICATE = "duplicate"
    PREFIX = "prefix"
    UNUSED = "unused"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong with an index; ``other`` is the one that does its work, where there is one."""

    kind: FlawKind
    index: Index
    other: Index | None = None


def index_caveats(flaws: Iterable[Flaw]) -> list[Finding]:
    """The caveats that name INVALID indexes and duplicates, with the statement that drops each."""
    return [_useless(flaw) for flaw in flaws if flaw.kind in {FlawKind.INVALID, FlawKind.DUPLICATE}]


def _useless(flaw: Flaw) -> Finding:
    index, other = flaw.index, flaw.other
    code, drop = f"INDEX_{flaw.kind.name}", f"DROP INDEX CONCURRENTLY {index.name}"
    if other is None:
        what = f"the index {index.name} on {index.table} is INVALID: every write keeps it up, no query may use it"
        return Finding(code, what, f"{drop}, and build it anew where it is wanted")
    return Finding(code, f"the index {index.name} on {index.table} is a duplicate of {other.name}", drop)


@dataclass(frozen=True, slots=True)
class IndexUse:
    """An index that the migration made, or found there, and what is known of it.

    Attributes:
        needed: why it has to stay, whether queries use it or not; empty where nothing else needs it.
        seconds: what building it took; ``None`` where no statement of its own built it, or nobody counted.
        use: ``None`` where nobody counted.
        ablated: what requests did without it; ``None`` where that was not measured.
    """

    index: Index
    created: bool
    needed: str
    seconds: float | None
    use: Use | None
    flaws: tuple[Flaw, ...]
    ablated: Ablated | None = None


@dataclass(frozen=True, slots=True)
class MigrationIndexes:
    """All indexes of after, those of the migration first.

    ``removed`` are those that it removed, ``unindexed_keys`` the foreign keys of after whose rows no index finds.
    """

    entries: tuple[IndexUse, ...]
    removed: tuple[Index, ...] = ()
    unindexed_keys: tuple[ForeignKey, ...] = ()

    @property
    def created(self) -> list[IndexUse]:
        """Those of the migration."""
        return [entry for entry in self.entries if entry.created]

    @property
    def flaws(self) -> list[Flaw]:
        """What is wrong: with any index that serves nobody, and of unused ones with those of the migration."""
        return [
            flaw for entry in self.entries for flaw in entry.flaws if entry.created or flaw.kind is not FlawKind.UNUSED
        ]


@dataclass(frozen=True, slots=True)
class Workload:
    """What was counted of indexes by place: uses, where anybody counted, and what building them took, in seconds."""

    uses: Mapping[Place, Use] | None = None
    seconds: Mapping[Place, float] = field(default_factory=dict)
    ablated: Mapping[Place, Ablated] = field(default_factory=dict)


def migration_indexes(before: Catalogue, after: Catalogue, workload: Workload) -> MigrationIndexes:
    """The ledger of a migration from the catalogues of both arms."""
    made = {index.place for index in after.made_since(before)}
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
    gone = tuple(index for index in after.gone_since(before) if index.parent is None)
    unserved = tuple(key for key in after.foreign_keys if not any(map(key.served_by, after.indexes)))
    return MigrationIndexes(tuple(entries), gone, unserved)


def needed(index: Index, catalogue: Catalogue) -> str:
    """Why an index has to stay although no query uses it; empty where it need not."""
    if index.needed:
        return index.needed
    keys = catalogue.keys_served_by(index)
    return f"finds the rows that refer to {keys[0].parent}" if keys else ""


def flaws_of(catalogue: Catalogue, made: set[Place], uses: Mapping[Place, Use] | None) -> Iterator[Flaw]:
    """What is wrong with indexes; parts of an index of a partitioned table are not looked at by themselves.

    An index has at most one flaw: that it is a copy or a beginning of another one says more than that it is unused.
    """
    whole = [index for index in catalogue.indexes if index.parent is None]
    yield from (Flaw(FlawKind.INVALID, index) for index in whole if not index.valid)
    there = [index for index in whole if index.valid]
    copies = dict(_copies(there, catalogue, made))
    kept = [index for index in there if index.place not in copies]
    longer = {index.place: _longer(index, kept) for index in kept if not needed(index, catalogue)}
    outdone = copies | {place: other for place, other in longer.items() if other}
    used = _used(uses, outdone) if uses is not None else {}
    for index in there:
        if other := outdone.get(index.place):
            yield Flaw(FlawKind.DUPLICATE if index.place in copies else FlawKind.PREFIX, index, other)
        elif not needed(index, catalogue) and used.get(index.place) is False:
            yield Flaw(FlawKind.UNUSED, index)


def _used(uses: Mapping[Place, Use], outdone: Mapping[Place, Index]) -> dict[Place, bool]:
    """Whether each index was used, or would have been without one that it outdoes: the server takes either."""
    used = {place: use.scans > 0 for place, use in uses.items()}
    for place in [place for place, was in used.items() if was]:
        other = outdone.get(place)
        while other:
            used[other.place] = True
            other = outdone.get(other.place)
    return used


def _copies(indexes: Sequence[Index], catalogue: Catalogue, made: set[Place]) -> Iterator[tuple[Place, Index]]:
    """Indexes that are copies of another one, with the one that stays.

    That is one that has to stay by itself, else one that was there before the migration, else the first by name.
    """

    def rank(index: Index) -> tuple[bool, bool, bool, str]:
        return not index.needed, not needed(index, catalogue), index.place in made, index.name

    left = sorted(indexes, key=rank)
    while left:
        kept, *left = left
        for index in left:
            if kept.serves_as(index) and not index.needed:
                yield index.place, kept
        left = [index for index in left if index.needed or not kept.serves_as(index)]


def _longer(index: Index, indexes: Iterable[Index]) -> Index | None:
    """The index with fewest columns that begins with all of another's."""
    found = [one for one in indexes if one.begins_with(index)]
    return min(found, key=lambda one: (len(one.keys), one.name), default=None)


def _with_parts(indexes: Sequence[Index], uses: Mapping[Place, Use] | None) -> dict[Place, Use] | None:
    """Uses, of an index of a partitioned table those of all its parts."""
    if uses is None:
        return None
    found = dict(uses)
    parents = {index.place: (index.service, index.parent) for index in indexes if index.parent}
    for place in [index.place for index in indexes if index.place in uses]:
        above = parents.get(place)
        while above:
            found[above] = found.get(above, Use()) + uses[place]
            above = parents.get(above)
    return found
