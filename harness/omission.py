"""Omission: what the work of the same requests with all indexes and without one says of that index."""

from collections.abc import Iterator, Mapping, Sequence

from harness.ablation import CHANCE, Ablated, Without, Worse
from harness.index import Index
from harness.inspected import Asked, Inspected
from harness.plan_tree import Explained
from harness.statement import Counts

Seen = tuple[Inspected, Sequence[Explained]]
"""What an arm did for its requests, and how its servers go about the statements."""
Place = tuple[str | None, str]


def omitted(index: Index, whole: Seen, without: Seen) -> Ablated:
    """What an index brings and costs: the requests that were answered both times, one by one the same."""
    pairs = list(_pairs(whole[0], without[0]))
    endpoints = [Without(*row) for row in _rows(pairs)]
    return Ablated(index.name, tuple(endpoints), _worse(whole, without), index.service)


def _pairs(whole: Inspected, without: Inspected) -> Iterator[tuple[Asked, Asked]]:
    """A request with all indexes and the same one without, as far as both were answered alike."""
    others = {asked.n: asked for asked in without.requests}
    for asked in whole.requests:
        other = others.get(asked.n)
        if other and other.endpoint == asked.endpoint and not (asked.failed or other.failed) and other.hit == asked.hit:
            yield asked, other


def _rows(pairs: Sequence[tuple[Asked, Asked]]) -> Iterator[tuple[str, int, float, float, float, float]]:
    for endpoint in sorted({asked.endpoint for asked, _ in pairs}):
        both = [pair for pair in pairs if pair[0].endpoint == endpoint]
        there, gone = (sum((pair[side].counts for pair in both), Counts()).per(len(both)) for side in (0, 1))
        yield endpoint, len(both), there.blocks, gone.blocks, there.wal, gone.wal


def _worse(whole: Seen, without: Seen) -> Worse | None:
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


def _calls(inspected: Inspected) -> Mapping[Place, Counts]:
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
