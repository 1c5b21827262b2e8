"""Evidence from the catalogues of both arms: the indexes of the migration and the query plans."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.analysis.summary import Summary
from harness.evidence.indexes import MigrationIndexes, Place, Workload, migration_indexes
from harness.evidence.query_plans import PlanChange, plan_changes
from harness.plan.model import ARMS
from harness.record.ablation import Ablation
from harness.record.catalogue import Catalogue, CatalogueStore, IndexBuild, IndexCounts, IndexScans, RecordedPlans
from harness.record.request_work import RequestWork
from harness.record.setup import Setup
from harness.record.trial import Migration


@dataclass(frozen=True, slots=True)
class DatabaseEvidence:
    """Indexes and query plans of before and after.

    ``endpoints``: the endpoints of each statement in both arms, by service and fingerprint.
    """

    indexes: MigrationIndexes
    plan_changes: tuple[PlanChange, ...] = ()
    endpoints: Mapping[tuple[str | None, str], tuple[str, ...]] = field(default_factory=dict)
    requests: int = 0  # the number of requests in which index scans were counted
    plans_missing: str = ""  # why plans are unknown or only estimated; empty where they are known
    ablated: bool = False


def database_evidence(
    catalogues: Mapping[str, Catalogue],
    surveys: Mapping[str, RecordedPlans],  # query plans and index scans, by arm where known
    request_work: Mapping[str, RequestWork],
    *,
    loaded: Sequence[IndexCounts] = (),  # index scans of after under the measured load
    built: Iterable[IndexBuild] = (),  # the build times of the indexes of after
    ablation: Ablation | None = None,
    requests: int = 0,  # of the measured load of after
) -> DatabaseEvidence | None:
    """Compare both arms; ``None`` where the catalogue of one is missing."""
    if any(arm not in catalogues for arm in ARMS):
        return None
    old, new = (catalogues[arm] for arm in ARMS)
    before, after = (surveys.get(arm, RecordedPlans()) for arm in ARMS)
    seconds: dict[Place, float] = {(one.service, one.index): one.seconds for one in built}
    without = {(one.service, one.index): one for one in ablation.indexes} if ablation else {}
    workload = Workload(_uses([*after.counted, *loaded], new), seconds, without)
    return DatabaseEvidence(
        indexes=migration_indexes(old, new, workload),
        plan_changes=tuple(plan_changes(before.plans, after.plans)) if before.plans and after.plans else (),
        endpoints=_endpoints(request_work),
        requests=after.requests + (requests if loaded else 0),
        plans_missing=after.missing or before.missing,
        ablated=ablation is not None,
    )


def recorded_evidence(
    store: CatalogueStore, setup: Setup, migrations: Sequence[Migration], summary: Summary
) -> DatabaseEvidence | None:
    """The database evidence of a run folder; ``None`` where the catalogue of an arm is missing."""
    after = summary.row("after", None, None, None)
    return database_evidence(
        store.read_catalogues(),
        store.read_plans(),
        store.run.read_request_work(),
        loaded=store.read_index_counts([leg for leg in setup.legs if leg.arm == "after"]),
        built=[
            IndexBuild(name, seconds, migration.service)
            for migration in migrations
            if migration.arm == "after"
            for name, seconds in migration.index_seconds
        ],
        ablation=store.read_ablation(),
        requests=after.requests if after else 0,
    )


def indexes_used(evidence: DatabaseEvidence) -> dict[str, tuple[str, ...]]:
    """Names of the indexes of the migration in the plans of after, by endpoint."""
    made = {entry.index.place for entry in evidence.indexes.created}
    found: dict[str, set[str]] = {}
    for change in evidence.plan_changes:
        if change.after:
            service = change.after.service
            names = [node.index for node in change.after.root if (service, node.index) in made]
            for endpoint in evidence.endpoints.get((service, change.after.fingerprint), ()):
                found.setdefault(endpoint, set()).update(names)
    return {endpoint: tuple(sorted(names)) for endpoint, names in found.items() if names}


def _uses(counted: Sequence[IndexCounts], catalogue: Catalogue) -> dict[Place, IndexScans] | None:
    """Index scans by place; ``None`` where none were counted."""
    if not counted:
        return None
    found: dict[Place, IndexScans] = {}
    there = {index.place for index in catalogue.indexes}
    for one in counted:
        if (place := (one.service, one.index)) in there:
            found[place] = found.get(place, IndexScans()) + IndexScans(one.scans, one.entries)
    return found


def _endpoints(request_work: Mapping[str, RequestWork]) -> dict[tuple[str | None, str], tuple[str, ...]]:
    found: dict[tuple[str | None, str], set[str]] = {}
    for one in (request_work[arm] for arm in ARMS if arm in request_work):
        for request in one.requests:
            for text in (one.statements[work.statement] for work in request.work):
                found.setdefault((text.service, text.fingerprint), set()).add(request.endpoint)
    return {place: tuple(sorted(names)) for place, names in found.items()}
