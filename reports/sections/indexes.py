"""Indexes: what each index of the migration costs and brings, and which of them nobody needs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.evidence.ablation import plan_change
from harness.evidence.catalogue import DatabaseEvidence
from harness.evidence.indexes import Flaw, FlawKind, IndexUse, MigrationIndexes
from harness.record.ablation import Ablated, Without
from harness.record.catalogue import Index
from reports import formatting
from reports.formatting import FormattedValue
from reports.sections.query_plans import words

NOT_MEASURED = "not measured: run with --ablate"
ABOUT = (
    "An index finds rows without reading the whole table, and every write pays for it. Scans: how often a statement "
    "looked something up in it, under the measured load and in the corpus. Pages (8 kB) saved and bytes written more "
    "come from asking the same requests without the index. WAL is what the server writes ahead of every change, and "
    "sends to its replicas."
)
NAMES = {
    FlawKind.INVALID: "INVALID",
    FlawKind.DUPLICATE: "duplicate",
    FlawKind.PREFIX: "covered by another",
    FlawKind.UNUSED: "not used here",
}


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One index; ``saved_by`` and ``written_by`` are lines by endpoint, ``worse`` is a plan without it."""

    name: str
    service: str
    on: str
    found: str
    why: str
    size: str
    built: FormattedValue
    scans: FormattedValue
    entries: FormattedValue
    saved: FormattedValue
    saved_by: tuple[str, ...]
    written: FormattedValue
    written_by: tuple[str, ...]
    worse: str


@dataclass(frozen=True, slots=True)
class IndexTable:
    """The ledger: indexes of the migration, and what is wrong with those that it found there."""

    about: str
    sentence: str
    alerts: tuple[str, ...]
    rows: tuple[IndexRow, ...]
    others: tuple[IndexRow, ...]
    gone: str
    unserved: tuple[str, ...]


def index_table(findings: DatabaseEvidence | None) -> IndexTable | None:
    """The ledger in strings; ``None`` where no catalogue was read, or there is nothing to tell."""
    if findings is None:
        return None
    ledger = findings.indexes
    others = [entry for entry in ledger.entries if not entry.created and _accused(entry)]
    if not (ledger.created or others or ledger.removed):
        return None
    return IndexTable(
        about=ABOUT,
        sentence=_sentence(ledger),
        alerts=tuple(flaw_sentence(flaw, findings.requests) for flaw in ledger.flaws),
        rows=tuple(_row(entry, findings) for entry in ledger.created),
        others=tuple(_row(entry, findings) for entry in others),
        gone=formatting.plain(formatting.listed([index.name for index in ledger.removed])),
        unserved=tuple(
            formatting.plain(f"{key.name} on {key.table} ({', '.join(key.columns)})") for key in ledger.unindexed_keys
        ),
    )


def _accused(entry: IndexUse) -> bool:
    return any(flaw.kind is not FlawKind.UNUSED for flaw in entry.flaws)


def _sentence(ledger: MigrationIndexes) -> str:
    made = ledger.created
    if not made:
        return "The migration made no index."
    size = formatting.size(sum(entry.index.size_bytes for entry in made))
    known = [entry.seconds for entry in made if entry.seconds is not None]
    built = f", built in {formatting.duration(sum(known))}" if known else ""
    text = f"The migration made {formatting.plural(len(made), 'index').replace('indexs', 'indexes')} of {size}{built}"
    counted = [entry for entry in made if entry.use is not None]
    used = sum(entry.use.scans > 0 for entry in counted if entry.use)
    were = "was" if used == 1 else "were"
    return f"{text}; {formatting.count(used)} of them {were} used." if counted else f"{text}."


def flaw_sentence(flaw: Flaw, requests: int) -> str:
    """What is wrong with an index, and what to do, in a sentence or two."""
    name, other = _name(flaw.index), _name(flaw.other) if flaw.other else ""
    drop = f"DROP INDEX CONCURRENTLY {name}"
    match flaw.kind:
        case FlawKind.INVALID:
            return f"{name} is INVALID: every write keeps it up and no query may use it. Build it anew, or {drop}."
        case FlawKind.DUPLICATE:
            return f"{name} is a duplicate of {other}: one of them does the work of both. {drop}."
        case FlawKind.PREFIX:
            return f"{name} is covered by {other}, which begins with the same columns. {drop}, unless its size matters."
        case FlawKind.UNUSED:
            asked = f" in {formatting.plural(requests, 'request')}" if requests else ""
            return f"{name} was not used{asked}. If no other job needs it, {drop}."


def _name(index: Index) -> str:
    return formatting.plain(f"{index.name} ({index.service})" if index.service else index.name)


def _row(entry: IndexUse, findings: DatabaseEvidence) -> IndexRow:
    index, use, ablated = entry.index, entry.use, entry.ablated
    uncounted = formatting.missing("the server's counters were not read")
    return IndexRow(
        name=formatting.plain(index.name),
        service=formatting.plain(index.service or ""),
        on=formatting.plain(index.shown),
        found=", ".join(NAMES[flaw.kind] for flaw in entry.flaws),
        why=formatting.plain(entry.needed) or _other(entry.flaws),
        size=formatting.size(index.size_bytes),
        built=_built(entry),
        scans=FormattedValue(formatting.count(use.scans)) if use else uncounted,
        entries=FormattedValue(formatting.count(use.entries)) if use else uncounted,
        saved=_sum(entry, ablated.saved if ablated else None, findings),
        saved_by=(*_saved(ablated.saved), *_costing(ablated.costing)) if ablated else (),
        written=_sum(entry, ablated.written if ablated else None, findings),
        written_by=tuple(_written(ablated.written)) if ablated else (),
        worse=_worse(ablated),
    )


def _other(flaws: Sequence[Flaw]) -> str:
    return ", ".join(f"see {_name(flaw.other)}" for flaw in flaws if flaw.other)


def _built(entry: IndexUse) -> FormattedValue:
    if entry.seconds is not None:
        return FormattedValue(formatting.duration(entry.seconds))
    if not entry.created:
        return formatting.missing("it was there before the migration")
    return formatting.missing("no statement of its own built it, or the server did not count")


def _sum(entry: IndexUse, found: Sequence[Without] | None, findings: DatabaseEvidence) -> FormattedValue:
    """What stands in place of lines by endpoint."""
    if found is None:
        if findings.ablated:
            return formatting.missing(f"left alone: {entry.index.needed}" if entry.index.needed else "not left out")
        return formatting.missing(NOT_MEASURED)
    return FormattedValue("" if found else "none")


def _saved(found: Sequence[Without]) -> Iterator[str]:
    for one in found:
        without, there = formatting.tidy(one.pages_without), formatting.tidy(one.pages_with)
        yield (
            f"{formatting.plain(one.endpoint)}: {formatting.tidy(one.pages_saved)} a request "
            f"({without} without, {there} with)"
        )


def _costing(found: Sequence[Without]) -> Iterator[str]:
    for one in found:
        without, there = formatting.tidy(one.pages_without), formatting.tidy(one.pages_with)
        more = formatting.tidy(one.pages_added)
        yield f"{formatting.plain(one.endpoint)}: costs {more} a request ({without} without, {there} with)"


def _written(found: Sequence[Without]) -> Iterator[str]:
    for one in found:
        yield f"{formatting.plain(one.endpoint)}: {formatting.tidy(one.wal_added)} bytes a request"


def _worse(ablated: Ablated | None) -> str:
    if ablated is None or ablated.worse is None:
        return ""
    worse = ablated.worse
    change = plan_change(worse)
    return f"{formatting.plain(worse.text)}: {words(change)}" if change else formatting.plain(worse.text)


def indexes_record(findings: DatabaseEvidence) -> dict[str, Any]:
    """``indexes.json``: each index of after with what it costs and brings; rates are per request."""
    ledger = findings.indexes
    return {
        "schema": 1,
        "requests": findings.requests,
        "ablated": findings.ablated,
        "indexes": [_entry(entry) for entry in ledger.entries],
        "gone": [{"service": index.service, "name": index.name, "on": index.shown} for index in ledger.removed],
        "foreign_keys_without_index": [
            {"service": key.service, "name": key.name, "table": key.table, "columns": list(key.columns)}
            for key in ledger.unindexed_keys
        ],
    }


def _entry(entry: IndexUse) -> dict[str, Any]:
    index = entry.index
    return {
        "service": index.service,
        "name": index.name,
        "on": index.shown,
        "made_by_migration": entry.created,
        "findings": [
            {"finding": flaw.kind.value, "other": flaw.other.name if flaw.other else None} for flaw in entry.flaws
        ],
        "needed": entry.needed or None,
        "valid": index.valid,
        "size_bytes": index.size_bytes,
        "build_seconds": entry.seconds,
        "scans": entry.use.scans if entry.use else None,
        "entries_read": entry.use.entries if entry.use else None,
        "without": None
        if entry.ablated is None
        else [
            {
                "endpoint": one.endpoint,
                "requests": one.requests,
                "pages_with": one.pages_with,
                "pages_without": one.pages_without,
                "wal_bytes_with": one.wal_with,
                "wal_bytes_without": one.wal_without,
            }
            for one in entry.ablated.endpoints
        ],
    }
