"""Catalogue: the indexes, foreign keys and query plans of each arm's databases, and their files in the run folder."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

from harness.plan.model import ARMS
from harness.record.ablation import Ablation
from harness.record.folder import SCHEMA
from harness.record.leg import Leg
from harness.record.query_plans import ExplainedStatement
from harness.record.run_folder import RunFolder

BTREE, HASH = "btree", "hash"


@dataclass(frozen=True, slots=True)
class IndexKey:
    """A column or expression of an index, and its order."""

    text: str
    opclass: str = ""
    collation: str = ""
    descending: bool = False
    nulls_first: bool = False

    @property
    def shown(self) -> str:
        """As in ``CREATE INDEX``, without defaults."""
        order = " DESC" if self.descending else ""
        nulls = "" if self.nulls_first == self.descending else " NULLS FIRST" if self.nulls_first else " NULLS LAST"
        return f"{self.text}{order}{nulls}"


@dataclass(frozen=True, slots=True)
class Index:
    """One index. Names of the schema ``public`` are unqualified."""

    name: str
    table: str
    keys: tuple[IndexKey, ...]
    method: str = BTREE
    include: tuple[str, ...] = ()  # columns that are stored and not searched by
    predicate: str = ""  # the condition of a partial index; empty otherwise
    unique: bool = False
    primary: bool = False
    constraint: str | None = None  # the primary key, unique or exclusion constraint that it backs
    replica_identity: bool = False
    valid: bool = True  # ``indisvalid``; false after a failed ``CREATE INDEX CONCURRENTLY``
    parent: str | None = None  # the index of the partitioned table that it is a part of
    size_bytes: int = 0  # on disk; of a partitioned index, that of all partitions
    service: str | None = None  # the service that owns the database, where services have names

    @property
    def place(self) -> tuple[str | None, str]:
        return self.service, self.name

    @property
    def shown(self) -> str:
        """Its definition: ``contents (engagement_score DESC, id)``."""
        keys = ", ".join(key.shown for key in self.keys)
        method = "" if self.method == BTREE else f"using {self.method} "
        include = f" INCLUDE ({', '.join(self.include)})" if self.include else ""
        where = f" WHERE {self.predicate}" if self.predicate else ""
        return f"{self.table} {method}({keys}){include}{where}"

    @property
    def needed(self) -> str:
        """Why it cannot be dropped, even when unread; empty where only queries use it."""
        if self.primary:
            return "primary key"
        if self.constraint:
            return f"backs the constraint {self.constraint}"
        if self.unique:
            return "keeps rows unique"
        return "replica identity" if self.replica_identity else ""

    def duplicates(self, other: "Index") -> bool:
        """Whether both have the same table, keys, predicate and included columns."""
        mine, its = ((i.service, i.table, i.method, i.keys, i.predicate) for i in (self, other))
        return mine == its and set(self.include) == set(other.include)

    def extends(self, other: "Index") -> bool:
        """Whether its first columns are all columns of another B-tree index, and more follow."""
        same = (self.service, self.table, self.predicate) == (other.service, other.table, other.predicate)
        length = len(other.keys)
        stored = {*self.include, *(key.text for key in self.keys)}
        ordered = self.method == other.method == BTREE and self.keys[:length] == other.keys
        return same and ordered and length < len(self.keys) and stored.issuperset(other.include)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns that refer to another table; deletes there look them up here."""

    name: str
    table: str
    columns: tuple[str, ...]
    parent: str
    service: str | None = None

    def served_by(self, index: Index) -> bool:
        """Whether the first columns of an index are those of the key, so that it finds referring rows."""
        first = index.keys[: len(self.columns)]
        ours = (index.service, index.table) == (self.service, self.table) and not index.predicate and index.valid
        searchable = index.method == BTREE or (index.method == HASH and len(self.columns) == 1)
        return ours and searchable and {key.text for key in first} == set(self.columns)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The indexes and foreign keys of all databases of an arm."""

    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()

    def __add__(self, other: "Catalogue") -> "Catalogue":
        return Catalogue(self.indexes + other.indexes, self.foreign_keys + other.foreign_keys)

    def created_since(self, before: "Catalogue") -> Iterator[Index]:
        """The indexes that ``before`` does not have under this name, or has with another definition."""
        there = {index.place: index for index in before.indexes}
        for index in self.indexes:
            old = there.get(index.place)
            if old is None or (old.table, old.shown, old.valid) != (index.table, index.shown, index.valid):
                yield index

    def dropped_since(self, before: "Catalogue") -> Iterator[Index]:
        """The indexes of ``before`` whose names no longer exist."""
        here = {index.place for index in self.indexes}
        yield from (index for index in before.indexes if index.place not in here)

    def foreign_keys_served(self, index: Index) -> list[ForeignKey]:
        return [key for key in self.foreign_keys if key.served_by(index)]


@dataclass(frozen=True, slots=True)
class IndexScans:
    """Scans of an index in a workload, and index entries read."""

    scans: int = 0
    entries: int = 0

    def __add__(self, other: "IndexScans") -> "IndexScans":
        return IndexScans(self.scans + other.scans, self.entries + other.entries)


@dataclass(frozen=True, slots=True)
class IndexCounts:
    """Scans of a named index in a workload, and index entries read."""

    index: str
    scans: int
    entries: int
    service: str | None = None


@dataclass(frozen=True, slots=True)
class IndexBuild:
    """The build time of an index, in seconds."""

    index: str
    seconds: float
    service: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedPlans:
    """The query plans of an arm for the corpus."""

    plans: tuple[ExplainedStatement, ...] = ()  # the slowest execution of each statement
    counted: tuple[IndexCounts, ...] = ()  # index scans by these ``requests``
    requests: int = 0
    missing: str = ""  # why plans are unknown or only estimated; empty otherwise
    schema: int = 1


T = TypeVar("T")
FOLDER = "evidence"


class CatalogueStore:
    """Files below ``evidence`` in a run folder."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run

    def write_catalogue(self, arm: str, catalogue: Catalogue) -> None:
        self.run.write_json(f"{FOLDER}/catalogues/{arm}.json", {"schema": SCHEMA, **asdict(catalogue)}, indent=None)

    def read_catalogues(self) -> dict[str, Catalogue]:
        return dict(self._read("catalogues", Catalogue))

    def write_plans(self, arm: str, survey: RecordedPlans) -> None:
        self.run.write_json(f"{FOLDER}/plans/{arm}.json", asdict(survey), indent=None)

    def read_plans(self) -> dict[str, RecordedPlans]:
        return dict(self._read("plans", RecordedPlans))

    def write_ablation(self, ablation: Ablation) -> None:
        self.run.write_json(f"{FOLDER}/ablation/indexes.json", asdict(ablation), indent=None)

    def read_ablation(self) -> Ablation | None:
        return self.run.decode_if_present(f"{FOLDER}/ablation/indexes.json", Ablation)

    def read_index_counts(self, legs: Sequence[Leg]) -> list[IndexCounts]:
        """Index scans under load in some legs, where counted."""
        return [one for leg in legs for one in self._counted(f"trials/{leg.title}/objects.json")]

    def _counted(self, name: str) -> Iterator[IndexCounts]:
        if not self.run.has(name):
            return
        for database in self.run.read_object(name).get("databases", []):
            for index in database.get("indexes", []):
                shown = str(index["name"]).removeprefix("public.")
                yield IndexCounts(shown, int(index["scans"]), int(index["entries_read"]), database.get("service"))

    def _read(self, what: str, kind: type[T]) -> Iterator[tuple[str, T]]:
        for arm in ARMS:
            if (found := self.run.decode_if_present(f"{FOLDER}/{what}/{arm}.json", kind)) is not None:
                yield arm, found
