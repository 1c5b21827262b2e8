"""Indexes of the migration: size, build time, use, buffers saved and WAL added; flagged indexes."""

from collections.abc import Sequence
from typing import NamedTuple

from harness.evidence.ablation import plan_change
from harness.evidence.catalogue import DatabaseEvidence
from harness.evidence.indexes import Flaw, FlawKind, IndexUse, MigrationIndexes
from harness.record.ablation import EndpointAblation, IndexAblation
from harness.record.catalogue import Index
from reports import formatting
from reports.formatting import FormattedValue
from reports.sections.query_plans import words

NAMES = {
    FlawKind.INVALID: "INVALID",
    FlawKind.DUPLICATE: "duplicate",
    FlawKind.PREFIX: "covered by another",
    FlawKind.UNUSED: "unused in this workload",
}


class IndexRow(NamedTuple):
    """One index; ``saved_by`` and ``written_by`` have a line per endpoint, ``worse`` is a query plan without it."""

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


class IndexTable(NamedTuple):
    """The indexes of the migration, and the flagged ones that existed before it."""

    sentence: str
    alerts: tuple[str, ...]
    rows: tuple[IndexRow, ...]
    others: tuple[IndexRow, ...]
    gone: str
    unserved: tuple[str, ...]


def index_table(findings: DatabaseEvidence | None) -> IndexTable | None:
    """``None`` where no catalogue was read, or there is nothing to show."""
    if findings is None:
        return None
    ledger = findings.indexes
    keys = ledger.unindexed_keys
    flagged = [entry for entry in ledger.entries if any(flaw.kind is not FlawKind.UNUSED for flaw in entry.flaws)]
    others = [entry for entry in flagged if not entry.created]
    if not (ledger.created or others or ledger.removed):
        return None
    return IndexTable(
        sentence=_sentence(ledger),
        alerts=tuple(flaw_sentence(flaw, findings.requests) for flaw in ledger.flaws),
        rows=tuple(_row(entry, findings) for entry in ledger.created),
        others=tuple(_row(entry, findings) for entry in others),
        gone=formatting.plain(formatting.listed([index.name for index in ledger.removed])),
        unserved=tuple(formatting.plain(f"{k.name} on {k.table} ({', '.join(k.columns)})") for k in keys),
    )


def _sentence(ledger: MigrationIndexes) -> str:
    made = ledger.created
    if not made:
        return "The migration created no index."
    size = formatting.size(sum(entry.index.size_bytes for entry in made))
    known = [entry.seconds for entry in made if entry.seconds is not None]
    built = f", built in {formatting.duration(sum(known))}" if known else ""
    text = f"The migration created {formatting.plural(len(made), 'index')} of {size}{built}"
    counted = [entry for entry in made if entry.use is not None]
    used = sum(entry.use.scans > 0 for entry in counted if entry.use)
    return f"{text}; {formatting.count(used)} of them used." if counted else f"{text}."


def flaw_sentence(flaw: Flaw, requests: int) -> str:
    """The finding about an index, and its remedy."""
    name, other = _name(flaw.index), _name(flaw.other) if flaw.other else ""
    drop = f"DROP INDEX CONCURRENTLY {name}"
    match flaw.kind:
        case FlawKind.INVALID:
            return f"{name} is INVALID: writes maintain it, queries do not use it. REINDEX CONCURRENTLY it, or {drop}."
        case FlawKind.DUPLICATE:
            return f"{name} is a duplicate of {other}. {drop}."
        case FlawKind.PREFIX:
            return f"{name} is covered by {other} (same leading columns). {drop}, unless you need a smaller index."
        case FlawKind.UNUSED:
            scope = f" ({formatting.plural(requests, 'request')})" if requests else ""
            return f"{name} is unused in this workload{scope}. {drop}, if no other workload needs it."


def _name(index: Index) -> str:
    return formatting.plain(f"{index.name} ({index.service})" if index.service else index.name)


def _row(entry: IndexUse, findings: DatabaseEvidence) -> IndexRow:
    index, use, ablated = entry.index, entry.use, entry.ablated
    others = [flaw.other for flaw in entry.flaws if flaw.other]
    unread = "the server's counters were not read"
    unbuilt = "no CREATE INDEX of its own was counted" if entry.created else "it existed before the migration"
    return IndexRow(
        name=formatting.plain(index.name),
        service=formatting.plain(index.service or ""),
        on=formatting.plain(index.shown),
        found=", ".join(NAMES[flaw.kind] for flaw in entry.flaws),
        why=formatting.plain(entry.needed) or ", ".join(f"see {_name(other)}" for other in others),
        size=formatting.size(index.size_bytes),
        built=formatting.value_or(entry.seconds, formatting.duration, unbuilt),
        scans=formatting.value_or(use.scans if use else None, formatting.count, unread),
        entries=formatting.value_or(use.entries if use else None, formatting.count, unread),
        saved=_sum(entry, ablated.saved if ablated else None, findings),
        saved_by=(*map(_saved, ablated.saved), *(_saved(one, "costs ") for one in ablated.costing)) if ablated else (),
        written=_sum(entry, ablated.written if ablated else None, findings),
        written_by=tuple(map(_written, ablated.written)) if ablated else (),
        worse=_worse(ablated),
    )


def _sum(entry: IndexUse, found: Sequence[EndpointAblation] | None, findings: DatabaseEvidence) -> FormattedValue:
    """The cell beside the lines by endpoint: empty where there are some."""
    if found is not None:
        return FormattedValue("" if found else "none")
    if not findings.ablated:
        return formatting.missing("not measured: run with --ablate")
    return formatting.missing(f"not dropped: {entry.index.needed}" if entry.index.needed else "not dropped")


def _saved(one: EndpointAblation, label: str = "") -> str:
    difference = formatting.tidy(one.pages_added if label else one.pages_saved)
    both = f"({formatting.tidy(one.pages_without)} without, {formatting.tidy(one.pages_with)} with it)"
    return f"{formatting.plain(one.endpoint)}: {label}{difference} per request {both}"


def _written(one: EndpointAblation) -> str:
    return f"{formatting.plain(one.endpoint)}: {formatting.tidy(one.wal_added)} bytes per request"


def _worse(ablated: IndexAblation | None) -> str:
    if ablated is None or ablated.worse is None:
        return ""
    text, change = formatting.plain(ablated.worse.text), plan_change(ablated.worse)
    return f"{text}: {words(change)}" if change else text
