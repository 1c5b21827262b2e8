"""Ablation: the benefit and cost of an index, from the same requests with all indexes and without this one."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.analysis.request_cost import counts_by_statement
from harness.evidence.query_plans import PlanChange, plan_change_of
from harness.record.ablation import NOISE_SHARE, DegradedStatement, EndpointAblation, IndexAblation
from harness.record.catalogue import Index
from harness.record.query_plans import ExplainedStatement
from harness.record.request_work import CorpusRequest, RequestWork
from harness.record.statements import Counts

ArmWork = tuple[RequestWork, Sequence[ExplainedStatement]]
"""The database work of an arm's requests, and the query plans of its statements."""
Place = tuple[str | None, str]


def ablation_of(index: Index, full: ArmWork, without: ArmWork) -> IndexAblation:
    """The benefit and cost of an index, from requests with the same result both times."""
    pairs = list(_pairs(*(_touching(index.table, work) for work, _ in (full, without))))
    return IndexAblation(index.name, tuple(_endpoints(pairs)), _worse(full, without), index.service)


def _pairs(full: RequestWork, without: RequestWork) -> Iterator[tuple[CorpusRequest, CorpusRequest]]:
    """Each request with all indexes and without one, if endpoint, success and cache result are equal."""
    others = {request.n: request for request in without.requests if not request.failed}
    for request in full.requests:
        other = others.get(request.n)
        if other and not request.failed and (other.endpoint, other.hit) == (request.endpoint, request.hit):
            yield request, other


def _touching(table: str, work: RequestWork) -> RequestWork:
    """The same requests, reduced to the statements that name a table."""
    name = re.compile(rf"(?<![\w$]){re.escape(table.rpartition('.')[2])}(?![\w$])", re.IGNORECASE)
    named = {number for number, text in enumerate(work.statements) if name.search(text.text)}
    requests = (
        replace(request, work=tuple(one for one in request.work if one.statement in named)) for request in work.requests
    )
    return replace(work, requests=tuple(requests))


def _endpoints(pairs: Sequence[tuple[CorpusRequest, CorpusRequest]]) -> Iterator[EndpointAblation]:
    for endpoint in sorted({request.endpoint for request, _ in pairs}):
        both = [pair for pair in pairs if pair[0].endpoint == endpoint]
        kept, dropped = (sum((pair[side].counts for pair in both), Counts()).per(len(both)) for side in (0, 1))
        changes = [other.counts - one.counts for one, other in both if one.counts or other.counts]
        more = 2 * sum(change.blocks > 0 for change in changes) > len(changes)
        less = 2 * sum(change.wal < 0 for change in changes) > len(changes)
        fewer = 2 * sum(change.blocks < 0 for change in changes) > len(changes)
        yield EndpointAblation(
            endpoint, len(both), kept.blocks, dropped.blocks, kept.wal, dropped.wal, more, less, fewer
        )


def _worse(full: ArmWork, without: ArmWork) -> DegradedStatement | None:
    """The statement that reads most additional buffers without the index, by its calls with the index."""
    kept, dropped = (
        counts_by_statement(work.requests, work.statements, lambda one: (one.service, one.fingerprint))
        for work in (full[0], without[0])
    )
    texts = {(text.service, text.fingerprint): text.text for text in full[0].statements}
    more = {
        place: (dropped[place].blocks / dropped[place].calls - counts.blocks / counts.calls) * counts.calls
        for place, counts in kept.items()
        if counts.calls and dropped.get(place)
    }
    place = max(more, key=lambda one: (more[one], one[1]), default=None)
    if place is None or more[place] <= NOISE_SHARE * kept[place].blocks:
        return None
    one, other = (_plan(seen[1], place) for seen in (full, without))
    buffers = [counts[place].blocks / counts[place].calls for counts in (kept, dropped)]
    return DegradedStatement(place[1], one.text if one else texts.get(place, ""), buffers[0], buffers[1], one, other)


def _plan(plans: Sequence[ExplainedStatement], place: Place) -> ExplainedStatement | None:
    return next((plan for plan in plans if (plan.service, plan.fingerprint) == place), None)


def plan_change(worse: DegradedStatement) -> PlanChange | None:
    """The change from a statement's plan with the index to that without; ``None`` where one is unknown."""
    if worse.plan_with is None or worse.plan_without is None:
        return None
    return plan_change_of(worse.plan_with, worse.plan_without)
