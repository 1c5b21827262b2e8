"""Survey: what is read of the databases of an arm while nothing is measured: their indexes, and how they find rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.analysis.summary import Summary
from harness.evidence.indexes import MigrationIndexes, Place, Workload, migration_indexes
from harness.evidence.query_plans import PlanChange, plan_changes
from harness.plan.model import ARMS
from harness.record.ablation import Ablation
from harness.record.catalogue import Built, Catalogue, Counted, PlanSurvey, Use
from harness.record.catalogue_store import CatalogueStore
from harness.record.request_work import RequestWork
from harness.record.setup import Setup
from harness.record.trial import Migration


@dataclass(frozen=True, slots=True)
class DatabaseEvidence:
    """What surveys of before and after tell.

    Attributes:
        plan_changes: how statements are gone about in both arms.
        endpoints: the endpoints that a statement ran for, by service and fingerprint, of both arms.
        requests: how many requests the uses of indexes were counted in.
        plans_missing: why plans are not known, or only estimated; empty where they are.
    """

    indexes: MigrationIndexes
    plan_changes: tuple[PlanChange, ...] = ()
    endpoints: Mapping[tuple[str | None, str], tuple[str, ...]] = field(default_factory=dict)
    requests: int = 0
    plans_missing: str = ""
    ablated: bool = False


def database_evidence(
    catalogues: Mapping[str, Catalogue],
    surveys: Mapping[str, PlanSurvey],
    inspected: Mapping[str, RequestWork],
    *,
    loaded: Sequence[Counted] = (),
    built: Iterable[Built] = (),
    ablation: Ablation | None = None,
    requests: int = 0,
) -> DatabaseEvidence | None:
    """Put both arms side by side; ``None`` where the catalogue of one was not read.

    Args:
        catalogues: by arm.
        surveys: by arm, as far as they were made.
        inspected: what the corpus made the servers do, by arm.
        loaded: the uses of indexes of after under the measured load.
        built: what building the indexes of after took.
        ablation: what was measured without them.
        requests: those of the measured load of after, in which ``loaded`` were counted.
    """
    if any(arm not in catalogues for arm in ARMS):
        return None
    old, new = (catalogues[arm] for arm in ARMS)
    before, after = (surveys.get(arm, PlanSurvey()) for arm in ARMS)
    seconds: dict[Place, float] = {(one.service, one.index): one.seconds for one in built}
    without = {(one.service, one.index): one for one in ablation.indexes} if ablation else {}
    workload = Workload(_uses([*after.counted, *loaded], new), seconds, without)
    return DatabaseEvidence(
        indexes=migration_indexes(old, new, workload),
        plan_changes=tuple(plan_changes(before.plans, after.plans)) if before.plans and after.plans else (),
        endpoints=_endpoints(inspected),
        requests=after.requests + (requests if loaded else 0),
        plans_missing=after.missing or before.missing,
        ablated=ablation is not None,
    )


def recorded_evidence(
    store: CatalogueStore, setup: Setup, migrations: Sequence[Migration], summary: Summary
) -> DatabaseEvidence | None:
    """The findings of a run folder; ``None`` where the catalogue of an arm was not read."""
    after = summary.row("after", None, None, None)
    return database_evidence(
        store.read_catalogues(),
        store.read_surveys(),
        store.run.read_inspected(),
        loaded=store.read_loaded([leg for leg in setup.legs if leg.arm == "after"]),
        built=[
            Built(name, seconds, migration.service)
            for migration in migrations
            if migration.arm == "after"
            for name, seconds in migration.index_seconds
        ],
        ablation=store.read_ablation(),
        requests=after.requests if after else 0,
    )


def indexes_used(findings: DatabaseEvidence) -> dict[str, tuple[str, ...]]:
    """The indexes of the migration that after used for the statements of each endpoint, by name."""
    made = {entry.index.place for entry in findings.indexes.created}
    found: dict[str, dict[str, None]] = {}
    for change in findings.plan_changes:
        if change.after:
            service = change.after.service
            names = [node.index for node in change.after.root if (service, node.index) in made]
            for endpoint in findings.endpoints.get((service, change.after.fingerprint), ()):
                found.setdefault(endpoint, {}).update(dict.fromkeys(names))
    return {endpoint: tuple(sorted(names)) for endpoint, names in found.items() if names}


def _uses(counted: Sequence[Counted], catalogue: Catalogue) -> dict[Place, Use] | None:
    """Uses by place; ``None`` where nobody counted."""
    if not counted:
        return None
    found: dict[Place, Use] = {}
    there = {index.place for index in catalogue.indexes}
    for one in counted:
        if (place := (one.service, one.index)) in there:
            found[place] = found.get(place, Use()) + Use(one.scans, one.entries)
    return found


def _endpoints(inspected: Mapping[str, RequestWork]) -> dict[tuple[str | None, str], tuple[str, ...]]:
    found: dict[tuple[str | None, str], dict[str, None]] = {}
    for one in (inspected[arm] for arm in ARMS if arm in inspected):
        for asked in one.requests:
            for work in asked.work:
                text = one.statements[work.statement]
                found.setdefault((text.service, text.fingerprint), {})[asked.endpoint] = None
    return {place: tuple(sorted(names)) for place, names in found.items()}
