"""Index: the indexes and foreign keys of a database as its catalogue has them, and what an index is there for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from harness.plan.model import ARMS
from harness.record.ablation import Ablation
from harness.record.folder import SCHEMA
from harness.record.leg import Leg
from harness.record.query_plans import ExplainedStatement
from harness.record.run_folder import RunFolder

BTREE, HASH = "btree", "hash"


@dataclass(frozen=True, slots=True)
class IndexKey:
    """A column or an expression that an index is ordered by, and how."""

    text: str
    opclass: str = ""
    collation: str = ""
    descending: bool = False
    nulls_first: bool = False

    @property
    def shown(self) -> str:
        """As in ``CREATE INDEX``, without what goes without saying."""
        order = " DESC" if self.descending else ""
        nulls = "" if self.nulls_first == self.descending else " NULLS FIRST" if self.nulls_first else " NULLS LAST"
        return f"{self.text}{order}{nulls}"


@dataclass(frozen=True, slots=True)
class Index:
    """One index. Tables and indexes of the schema ``public`` go by their names alone.

    Attributes:
        include: columns that are stored in it and not searched by.
        predicate: the condition of a partial index; empty: of all rows.
        constraint: the constraint that it backs, as a primary key, a unique or an exclusion one.
        parent: the index of the partitioned table that it is a part of.
        valid: whether queries may use it; what a failed ``CREATE INDEX CONCURRENTLY`` leaves behind is not.
        size_bytes: on disk; of an index of a partitioned table that of all parts.
        service: the service whose database it is in, where services have names.
    """

    name: str
    table: str
    keys: tuple[IndexKey, ...]
    method: str = BTREE
    include: tuple[str, ...] = ()
    predicate: str = ""
    unique: bool = False
    primary: bool = False
    constraint: str | None = None
    replica_identity: bool = False
    valid: bool = True
    parent: str | None = None
    size_bytes: int = 0
    service: str | None = None

    @property
    def place(self) -> tuple[str | None, str]:
        """What tells it from all others of an arm."""
        return self.service, self.name

    @property
    def shown(self) -> str:
        """What it is on: ``contents (engagement_score DESC, id)``."""
        keys = ", ".join(key.shown for key in self.keys)
        method = "" if self.method == BTREE else f"using {self.method} "
        include = f" INCLUDE ({', '.join(self.include)})" if self.include else ""
        where = f" WHERE {self.predicate}" if self.predicate else ""
        return f"{self.table} {method}({keys}){include}{where}"

    @property
    def needed(self) -> str:
        """Why it has to stay, whether it is read or not; empty where nothing but queries needs it."""
        if self.primary:
            return "primary key"
        if self.constraint:
            return f"backs the constraint {self.constraint}"
        if self.unique:
            return "keeps rows unique"
        return "replica identity" if self.replica_identity else ""

    def serves_as(self, other: "Index") -> bool:
        """Whether it answers all that another one does, in the same order, as a copy of it."""
        mine, its = ((i.service, i.table, i.method, i.keys, i.predicate) for i in (self, other))
        return mine == its and set(self.include) == set(other.include)

    def begins_with(self, other: "Index") -> bool:
        """Whether another one's columns are its first ones and more follow: it answers all that that one does."""
        same = (self.service, self.table, self.predicate) == (other.service, other.table, other.predicate)
        length = len(other.keys)
        stored = {*self.include, *(key.text for key in self.keys)}
        ordered = self.method == other.method == BTREE and self.keys[:length] == other.keys
        return same and ordered and length < len(self.keys) and stored.issuperset(other.include)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns of a table that refer to another one: whoever deletes there has the server look them up here."""

    name: str
    table: str
    columns: tuple[str, ...]
    parent: str
    service: str | None = None

    def served_by(self, index: Index) -> bool:
        """Whether an index finds the rows that refer to a parent: its first columns are those of the key."""
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
        """Those of both."""
        return Catalogue(self.indexes + other.indexes, self.foreign_keys + other.foreign_keys)

    def made_since(self, before: "Catalogue") -> Iterator[Index]:
        """The indexes that another one does not have under their name, or has otherwise."""
        there = {index.place: index for index in before.indexes}
        for index in self.indexes:
            old = there.get(index.place)
            if old is None or (old.table, old.shown, old.valid) != (index.table, index.shown, index.valid):
                yield index

    def gone_since(self, before: "Catalogue") -> Iterator[Index]:
        """The indexes of another one that are there under their name no more."""
        here = {index.place for index in self.indexes}
        yield from (index for index in before.indexes if index.place not in here)

    def keys_served_by(self, index: Index) -> list[ForeignKey]:
        """The foreign keys whose rows an index finds."""
        return [key for key in self.foreign_keys if key.served_by(index)]


@dataclass(frozen=True, slots=True)
class IndexScans:
    """How often an index was used in a workload, and how many of its entries were read."""

    scans: int = 0
    entries: int = 0

    def __add__(self, other: "IndexScans") -> "IndexScans":
        """Both together."""
        return IndexScans(self.scans + other.scans, self.entries + other.entries)


@dataclass(frozen=True, slots=True)
class IndexCounts:
    """How often an index was used in a workload, and how many of its entries were read."""

    index: str
    scans: int
    entries: int
    service: str | None = None


@dataclass(frozen=True, slots=True)
class IndexBuild:
    """What building an index took, in seconds."""

    index: str
    seconds: float
    service: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedPlans:
    """How an arm went about some requests.

    Attributes:
        plans: of their statements, the slowest of each.
        counted: the uses of indexes by these ``requests``.
        missing: why plans are not known, or only estimated; empty where they are.
    """

    plans: tuple[ExplainedStatement, ...] = ()
    counted: tuple[IndexCounts, ...] = ()
    requests: int = 0
    missing: str = ""
    schema: int = 1


T = TypeVar("T")
FOLDER = "evidence"


class CatalogueStore:
    """Files below ``evidence`` of a run."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run

    def write_catalogue(self, arm: str, catalogue: Catalogue) -> None:
        """Record the indexes and foreign keys of an arm."""
        self._write(f"{FOLDER}/catalogues/{arm}.json", {"schema": SCHEMA, **asdict(catalogue)})

    def read_catalogues(self) -> dict[str, Catalogue]:
        """Those of before and after, as far as they were read."""
        return dict(self._read("catalogues", Catalogue))

    def write_survey(self, arm: str, survey: RecordedPlans) -> None:
        """Record how an arm went about its statements."""
        self._write(f"{FOLDER}/plans/{arm}.json", asdict(survey))

    def read_surveys(self) -> dict[str, RecordedPlans]:
        """Those of before and after, as far as they were made."""
        return dict(self._read("plans", RecordedPlans))

    def write_ablation(self, ablation: Ablation) -> None:
        """Record what was measured without indexes, as far as it has come."""
        self._write(f"{FOLDER}/ablation/indexes.json", asdict(ablation))

    def read_ablation(self) -> Ablation | None:
        """What was measured without indexes; ``None`` where nothing was."""
        name = f"{FOLDER}/ablation/indexes.json"
        return self.run.decode(name, Ablation) if (self.run.path / name).is_file() else None

    def read_loaded(self, legs: Sequence[Leg]) -> list[IndexCounts]:
        """The uses of indexes in some legs under load, as far as they were counted."""
        return [one for leg in legs for one in self._counted(f"trials/{leg.title}/objects.json")]

    def _counted(self, name: str) -> Iterator[IndexCounts]:
        if not (self.run.path / name).is_file():
            return
        for database in self.run.read_object(name).get("databases", []):
            for index in database.get("indexes", []):
                shown = str(index["name"]).removeprefix("public.")
                yield IndexCounts(shown, int(index["scans"]), int(index["entries_read"]), database.get("service"))

    def _read(self, what: str, kind: type[T]) -> Iterator[tuple[str, T]]:
        for arm in ARMS:
            name = f"{FOLDER}/{what}/{arm}.json"
            if (self.run.path / name).is_file():
                yield arm, self.run.decode(name, kind)

    def _write(self, name: str, data: Mapping[str, Any]) -> None:
        (self.run.path / name).parent.mkdir(parents=True, exist_ok=True)
        self.run.write_json(name, data, indent=None)
