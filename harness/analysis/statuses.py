"""Statuses: the HTTP statuses and sizes of successes by arm and endpoint, to detect fast wrong responses."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.plan.model import ARMS
from harness.plan.stages import StageKind
from harness.record.samples import endpoints, succeeded
from harness.record.trial import Trial

MOST_FAILED, MOST_FAILED_BEFORE, MOST_EXCUSED, MOST_UNLIKE = 0.01, 0.5, 0.01, 0.1
MIN_REQUESTS = 20  # endpoints with fewer requests are not judged
OK, EMPTY, UNCHANGED = "2xx", "empty 2xx", "304"
SHORTER = 0.5


@dataclass(frozen=True, slots=True)
class Statuses:
    """The responses of one endpoint in the measured part of all legs of an arm except ramps.

    ``kinds`` counts successes by ``2xx``, ``empty 2xx``, ``304``, ``3xx``, ``4xx``, ``5xx`` and ``none``, which are
    custom requests without a status.
    """

    arm: str
    endpoint: str
    requests: int
    failures: int
    kinds: Counter[str] = field(default_factory=Counter)
    size_bytes: int = 0

    @property
    def successes(self) -> int:
        return self.requests - self.failures

    def share(self, kind: str) -> float:
        return self.kinds[kind] / max(self.successes, 1)


def pooled_statuses(replies: Sequence[Statuses], arm: str, endpoint: str | None) -> Statuses:
    """The statuses of an arm for one endpoint, or for all."""
    own = [one for one in replies if one.arm == arm and endpoint in {None, one.endpoint}]
    kinds: Counter[str] = sum((one.kinds for one in own), Counter())
    return Statuses(
        arm,
        endpoint or "",
        requests=sum(one.requests for one in own),
        failures=sum(one.failures for one in own),
        kinds=kinds,
        size_bytes=sum(one.size_bytes for one in own),
    )


def failed_too_often(replies: Sequence[Statuses], endpoint: str | None, *, relative: bool) -> bool:
    """Whether the failure share of after, or for relative targets of before, makes the successes meaningless."""
    before, after = (pooled_statuses(replies, arm, endpoint) for arm in ARMS)
    of_after = after.failures > MOST_FAILED * after.requests
    return of_after or (relative and before.failures > MOST_FAILED_BEFORE * before.requests)


def server_errors_succeed(replies: Sequence[Statuses], endpoint: str | None) -> bool:
    """Whether more than a few 5xx responses of after count as successes."""
    after = pooled_statuses(replies, ARMS[-1], endpoint)
    return after.kinds["5xx"] > MOST_EXCUSED * after.requests


def statuses_differ(replies: Sequence[Statuses], endpoint: str | None) -> bool:
    """Whether successes of the arms differ in kind, in a relevant endpoint."""
    for before, after in _relevant(replies, endpoint):
        kinds = {*before.kinds, *after.kinds}
        if sum(abs(before.share(kind) - after.share(kind)) for kind in kinds) / 2 > MOST_UNLIKE:
            return True
    return False


def requests_differ(replies: Sequence[Statuses], endpoint: str | None) -> bool:
    """Whether the arms got different mixes of endpoints."""
    if endpoint is not None:
        return False
    totals = {arm: max(pooled_statuses(replies, arm, None).requests, 1) for arm in ARMS}
    counts = {(one.arm, one.endpoint): one.requests for one in replies}
    names = {one.endpoint for one in replies}
    shares = {name: [counts.get((arm, name), 0) / totals[arm] for arm in ARMS] for name in names}
    alone = any(min(share) == 0 and max(share) * min(totals.values()) >= MIN_REQUESTS for share in shares.values())
    by_chance = (len(names) / min(totals.values())) ** 0.5  # expected, generously
    return alone or sum(abs(a - b) for a, b in shares.values()) / 2 > MOST_UNLIKE + by_chance


def answers_shorter(replies: Sequence[Statuses]) -> bool:
    """Whether responses of a relevant endpoint are less than half as long after as before."""
    return any(
        after.size_bytes * before.successes < SHORTER * before.size_bytes * after.successes
        for before, after in _relevant(replies, None)
    )


def _relevant(replies: Sequence[Statuses], endpoint: str | None) -> Iterator[tuple[Statuses, Statuses]]:
    """Both arms of the endpoints with enough requests to judge, and at least a tenth of all."""
    total = pooled_statuses(replies, ARMS[-1], endpoint).requests
    for name in {one.endpoint for one in replies if endpoint in {None, one.endpoint}}:
        before, after = (pooled_statuses(replies, arm, name) for arm in ARMS)
        if min(before.successes, after.successes) >= MIN_REQUESTS and after.requests >= MOST_UNLIKE * total:
            yield before, after


def answers_empty(replies: Sequence[Statuses]) -> bool:
    """Whether most GET responses of after are empty, redirects or 304."""
    read = [one for one in replies if one.arm == ARMS[-1] and one.endpoint.startswith("GET ")]
    nothing = sum(one.kinds[kind] for one in read for kind in (EMPTY, UNCHANGED, "3xx"))
    return nothing > sum(one.successes for one in read) / 2 > 0


def statuses_of(trial: Trial) -> Iterator[Statuses]:
    """The statuses of a leg by endpoint, in the measured part of all stages except ramps."""
    samples = trial.samples
    if not len(samples):
        return
    due = samples["due_ns"].to_numpy() / 1e9
    measured = np.zeros(len(due), dtype=bool)
    for window in trial.generation.windows:
        if window.kind != StageKind.RAMP:
            measured |= (due >= window.measured_from) & (due < window.end)
    good = succeeded(samples)
    status, size = samples["status"].to_numpy(), samples["size_bytes"].to_numpy()
    codes, names = endpoints(samples)
    kind = np.clip(status // 100, 0, 6)
    kind[status == 304] = 7  # noqa: PLR2004 - HTTP's own number
    kind[(kind == 2) & (size <= 0)] = 8  # noqa: PLR2004
    labels = ("none", "1xx", OK, "3xx", "4xx", "5xx", "none", UNCHANGED, EMPTY)
    table = np.bincount((codes * 10 + kind)[measured & good], minlength=10 * len(names)).reshape(-1, 10)
    requested, failed = (np.bincount(codes[chosen], minlength=len(names)) for chosen in (measured, measured & ~good))
    sizes = np.bincount(codes[measured & good], weights=size[measured & good], minlength=len(names))
    for code, name in enumerate(names):
        if requested[code]:
            kinds: Counter[str] = Counter()
            for label, count in zip(labels, table[code], strict=False):
                kinds[label] += int(count)
            counts = int(requested[code]), int(failed[code])
            yield Statuses(trial.leg.arm, name, *counts, +kinds, int(sizes[code]))
