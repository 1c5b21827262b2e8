"""Omission: what the work of the same requests with all indexes and without one says of that index."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from harness.evidence.query_plans import PlanChange, plan_change_of
from harness.record.ablation import CHANCE, Ablated, Without, Worse
from harness.record.catalogue import Index
from harness.record.query_plans import Explained
from harness.record.request_work import CorpusRequest, RequestWork
from harness.record.statements import Counts

ArmWork = tuple[RequestWork, Sequence[Explained]]
"""What an arm did for its requests, and how its servers go about the statements."""
Place = tuple[str | None, str]


def ablation_of(index: Index, whole: ArmWork, without: ArmWork) -> Ablated:
    """What an index brings and costs: the requests that were answered both times, one by one the same."""
    parts = [_touching(index.table, seen[0]) for seen in (whole, without)]
    endpoints = list(_endpoints(list(_pairs(parts[0], parts[1]))))
    return Ablated(index.name, tuple(endpoints), _worse(whole, without), index.service)


def _pairs(whole: RequestWork, without: RequestWork) -> Iterator[tuple[CorpusRequest, CorpusRequest]]:
    """A request with all indexes and the same one without, as far as both were answered alike."""
    others = {asked.n: asked for asked in without.requests}
    for asked in whole.requests:
        other = others.get(asked.n)
        if other and other.endpoint == asked.endpoint and not (asked.failed or other.failed) and other.hit == asked.hit:
            yield asked, other


def _touching(table: str, inspected: RequestWork) -> RequestWork:
    """The same requests with the work of those statements alone that name a table."""
    name = re.compile(rf"(?<![\w$]){re.escape(table.rpartition('.')[2])}(?![\w$])", re.IGNORECASE)
    named = {number for number, text in enumerate(inspected.statements) if name.search(text.text)}
    requests = (
        replace(asked, work=tuple(work for work in asked.work if work.statement in named))
        for asked in inspected.requests
    )
    return replace(inspected, requests=tuple(requests))


def _endpoints(pairs: Sequence[tuple[CorpusRequest, CorpusRequest]]) -> Iterator[Without]:
    for endpoint in sorted({asked.endpoint for asked, _ in pairs}):
        both = [pair for pair in pairs if pair[0].endpoint == endpoint]
        there, gone = (sum((pair[side].counts for pair in both), Counts()).per(len(both)) for side in (0, 1))
        changes = [other.counts - one.counts for one, other in both if one.counts or other.counts]
        more = _most(change.blocks > 0 for change in changes)
        less = _most(change.wal < 0 for change in changes)
        fewer = _most(change.blocks < 0 for change in changes)
        yield Without(endpoint, len(both), there.blocks, gone.blocks, there.wal, gone.wal, more, less, fewer)


def _most(found: Iterable[bool]) -> bool:
    votes = list(found)
    return 2 * sum(votes) > len(votes)


def _worse(whole: ArmWork, without: ArmWork) -> Worse | None:
    """The statement that looks at most pages more without the index, each of its calls taken by itself."""
    there, gone = _calls(whole[0]), _calls(without[0])
    texts = {(text.service, text.fingerprint): text.text for text in whole[0].statements}
    more = {
        place: (gone[place].blocks / gone[place].calls - counts.blocks / counts.calls) * counts.calls
        for place, counts in there.items()
        if counts.calls and gone.get(place)
    }
    place = max(more, key=lambda one: (more[one], one[1]), default=None)
    if place is None or more[place] <= CHANCE * there[place].blocks:
        return None
    one, other = (_plan(seen[1], place) for seen in (whole, without))
    pages = [counts[place].blocks / counts[place].calls for counts in (there, gone)]
    return Worse(place[1], one.text if one else texts.get(place, ""), pages[0], pages[1], one, other)


def _calls(inspected: RequestWork) -> Mapping[Place, Counts]:
    """What each statement did for all requests together."""
    found: dict[Place, Counts] = {}
    for asked in inspected.requests:
        for work in asked.work:
            text = inspected.statements[work.statement]
            place = text.service, text.fingerprint
            found[place] = found.get(place, Counts()) + work.counts
    return found


def _plan(plans: Sequence[Explained], place: Place) -> Explained | None:
    return next((plan for plan in plans if (plan.service, plan.fingerprint) == place), None)


def plan_change(worse: Worse) -> PlanChange | None:
    """From a statement's plan with the index to its plan without; ``None`` where one of them is not known."""
    if worse.plan_with is None or worse.plan_without is None:
        return None
    return plan_change_of(worse.plan_with, worse.plan_without)
